import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, type FocusEvent, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation } from "@/api/types";
import { useSettings } from "@/features/session/settings";
import { EmptyState, WebchatIcon, usePhone } from "@/ui";
import { ConversationList } from "./ConversationList";
import { ConversationPane } from "./ConversationPane";
import { useInboxFilter } from "./filter";
import { closeOverlay, useRoomForViews } from "./panel-state";
import { useConversations } from "./queries";
import { useListKeys } from "./useInboxKeys";
import { ViewsColumn } from "./ViewsColumn";
import "./inbox.css";

/** Where one reads, or the list where nothing is open. */
const restingPlace = (root: HTMLElement | null) => root?.querySelector<HTMLElement>(".thread") ?? root?.querySelector<HTMLElement>(".list-scroll");

/** A row that leaves the list under the focus hands it to what it had opened. */
function useFocusOfRows(root: RefObject<HTMLElement | null>, items: Conversation[]) {
  const held = useRef<string | null>(null);
  useEffect(() => {
    if (held.current === null || document.activeElement !== document.body || items.some((c) => c.id === held.current)) return;
    held.current = null;
    restingPlace(root.current)?.focus({ preventScroll: true });
  }, [items, root]);
  // A row that is taken away says nothing: what has the focus next does.
  return (event: FocusEvent<HTMLElement>) => void (held.current = event.target.closest<HTMLElement>("[data-conversation-id]")?.dataset.conversationId ?? null);
}

/** The inbox: views, list, and the open conversation. */
export function InboxPage() {
  const { t } = useTranslation();
  const phone = usePhone();
  const { conversationId } = useParams({ strict: false });
  const roomForViews = useRoomForViews(conversationId !== undefined);
  const viewsOpen = useSettings().viewsOpen && roomForViews;
  const { filter, search } = useInboxFilter();
  const navigate = useNavigate();
  const query = useConversations(filter);
  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);

  // A conversation may leave the list while it is open (resolved, assigned):
  // moving on then goes from where it was.
  const place = useRef(0);
  const at = items.findIndex((c) => c.id === conversationId);
  if (at >= 0) place.current = at;

  const root = useRef<HTMLDivElement>(null);
  const onFocus = useFocusOfRows(root, items);
  const wanted = useRef<string | null>(null);
  const open = (index: number) => {
    const target = items[Math.min(items.length - 1, Math.max(0, index))];
    if (!target) return;
    if (target.id === conversationId) {
      root.current?.querySelector<HTMLElement>(`[data-conversation-id="${target.id}"]`)?.focus({ preventScroll: true });
      return;
    }
    wanted.current = target.id;
    void navigate({ to: "/inbox/$conversationId", params: { conversationId: target.id }, search });
  };
  const back = () => {
    if (closeOverlay()) return;
    if (!conversationId) return;
    wanted.current = conversationId;
    void navigate({ to: "/inbox", search });
  };
  useListKeys({
    next: () => open(!conversationId ? 0 : at >= 0 ? at + 1 : place.current),
    previous: () => open(!conversationId ? 0 : at >= 0 ? at - 1 : place.current - 1),
    back,
    leave: () => restingPlace(root.current)?.focus({ preventScroll: true }),
  });

  if (phone) {
    return (
      <div className="inbox" ref={root} onFocus={onFocus}>
        <h1 className="visually-hidden">{t("nav.inbox")}</h1>
        {conversationId ? <ConversationPane key={conversationId} id={conversationId} onBack={back} /> : <ConversationList items={items} query={query} currentId={undefined} wanted={wanted} roomForViews={false} />}
      </div>
    );
  }
  return (
    <div className="inbox" ref={root} onFocus={onFocus}>
      {viewsOpen ? <ViewsColumn /> : <h1 className="visually-hidden">{t("nav.inbox")}</h1>}
      <ConversationList items={items} query={query} currentId={conversationId} wanted={wanted} roomForViews={roomForViews} />
      {conversationId ? (
        <ConversationPane key={conversationId} id={conversationId} onBack={back} />
      ) : (
        <EmptyState icon={<WebchatIcon />} title={t("inbox.pickTitle")}>
          {t("inbox.pickBody")}
        </EmptyState>
      )}
    </div>
  );
}
