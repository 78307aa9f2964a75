import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation, StatusFilter } from "@/api/types";
import { may, useMe } from "@/features/session/me";
import { changeSettings, useSettings } from "@/features/session/settings";
import { useSetup } from "@/features/session/setup";
import { Button, EmptyState, ErrorState, IconButton, InboxIcon, Select, Skeleton, UnfoldIcon, useNow, usePhone } from "@/ui";
import { ConversationRow } from "./ConversationRow";
import { useInboxFilter } from "./filter";
import { useConversations, useTeammates } from "./queries";
import { ViewSelect } from "./ViewsColumn";

const statuses: StatusFilter[] = ["open", "snoozed", "resolved", "all"];
const statusKey = { open: "inbox.open", snoozed: "inbox.snoozed", resolved: "inbox.resolved", all: "inbox.anyStatus" } as const;

function ListHead({ roomForViews }: { roomForViews: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { viewsOpen } = useSettings();
  const { filter, search } = useInboxFilter();
  const folded = !roomForViews || !viewsOpen;
  const title = filter.view === "team" || filter.account_id ? null : t(`inbox.${filter.view}`);
  return (
    <div className="list-head">
      {folded && roomForViews && (
        <IconButton size="small" label={t("inbox.showViews")} icon={<UnfoldIcon />} onClick={() => changeSettings({ viewsOpen: true })} />
      )}
      {folded || title === null ? <ViewSelect /> : <h2>{title}</h2>}
      <Select
        variant="borderless"
        data-testid="status-filter"
        aria-label={t("inbox.status")}
        value={filter.status}
        popupMatchSelectWidth={false}
        options={statuses.map((value) => ({ value, label: t(statusKey[value]) }))}
        onChange={(status) => {
          const { status: _, ...rest } = search;
          void navigate({ to: "/inbox", search: status === "open" ? rest : { ...rest, status } });
        }}
      />
    </div>
  );
}

/** What an empty list is for, and the one next step. */
function EmptyList() {
  const { t } = useTranslation();
  const { filter } = useInboxFilter();
  const me = useMe();
  const sandbox = useSetup()?.sandbox;
  const everything = filter.view === "all" && !filter.account_id && filter.status === "open";
  if (filter.view === "mine" && filter.status === "open") {
    return (
      <EmptyState icon={<InboxIcon />} title={t("inbox.emptyMineTitle")} actions={<Link to="/inbox" search={{ view: "unassigned" }}>{t("inbox.emptyMineAction")}</Link>}>
        {t("inbox.emptyMineBody")}
      </EmptyState>
    );
  }
  if (!everything) {
    return (
      <EmptyState icon={<InboxIcon />} title={t("inbox.emptyFilterTitle")} actions={<Link to="/inbox" search={{ view: "all", status: "all" }}>{t("inbox.showAll")}</Link>}>
        {t("inbox.emptyFilterBody")}
      </EmptyState>
    );
  }
  const next = sandbox ? (
    <Button type="primary" href={sandbox.shop_url} target="_blank" rel="noopener">
      {t("inbox.emptyDemo")}
    </Button>
  ) : may(me, "accounts.manage") ? (
    <Link to="/accounts">{t("inbox.emptyAccount")}</Link>
  ) : null;
  return (
    <EmptyState icon={<InboxIcon />} title={t("inbox.emptyTitle")} actions={next}>
      {t("inbox.emptyBody")} {sandbox ? t("inbox.emptyDemoHelp") : ""}
    </EmptyState>
  );
}

interface Props {
  items: Conversation[];
  query: ReturnType<typeof useConversations>;
  currentId: string | undefined;
  /** The row that takes the focus as soon as it is there. */
  wanted: RefObject<string | null>;
  /** Whether the column of views may be shown beside the list. */
  roomForViews: boolean;
}

/** Gives the row that was chosen by a key the focus, as soon as it is there. */
function useWantedRow(scroll: RefObject<HTMLDivElement | null>, items: Conversation[], wanted: RefObject<string | null>, show: (index: number) => void) {
  useEffect(() => {
    const id = wanted.current;
    if (id === null) return;
    const row = scroll.current?.querySelector<HTMLElement>(`[data-conversation-id="${id}"]`);
    const index = items.findIndex((c) => c.id === id);
    if (!row && index >= 0) return show(index);
    wanted.current = null;
    if (row || document.activeElement === document.body) (row ?? scroll.current)?.focus({ preventScroll: true });
  });
}

function Rows({ items, query, currentId, wanted }: Props) {
  const { t } = useTranslation();
  const phone = usePhone();
  const now = useNow();
  const { search } = useInboxFilter();
  const teammates = useTeammates();
  const ownId = useMe().id;
  const byId = useMemo(() => new Map(teammates.map((m) => [m.id, m])), [teammates]);
  const scroll = useRef<HTMLDivElement>(null);
  const rowHeight = phone ? 65 : 61;
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    getItemKey: (index) => items[index]?.id ?? index,
  });
  const rows = virtual.getVirtualItems();
  const last = rows[rows.length - 1]?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = query;

  useEffect(() => virtual.measure(), [rowHeight, virtual]);
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError && last >= items.length - 10) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchNextPageError, isFetchingNextPage, items.length, last]);

  const at = items.findIndex((c) => c.id === currentId);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
    // Only when another conversation is chosen; the list itself keeps its place.
  }, [currentId]);

  useWantedRow(scroll, items, wanted, (index) => virtual.scrollToIndex(index, { align: "auto" }));

  return (
    <div className="list-scroll" ref={scroll} data-testid="conversation-list" role="region" aria-label={t("inbox.list")} tabIndex={-1}>
      <div className="list-inner" style={{ height: virtual.getTotalSize() }}>
        {rows.map((row) => {
          const conversation = items[row.index];
          if (!conversation) return null;
          return (
            <ConversationRow
              key={conversation.id}
              conversation={conversation}
              search={search}
              current={conversation.id === currentId}
              now={now}
              assignee={conversation.assignee_id ? byId.get(conversation.assignee_id) : undefined}
              ownId={ownId}
              style={{ transform: `translateY(${row.start}px)` }}
            />
          );
        })}
      </div>
      {isFetchingNextPage && <div className="list-more">{t("inbox.loadingMore")}</div>}
      {isFetchNextPageError && (
        <div className="list-more">
          <Button size="small" onClick={() => void fetchNextPage()}>
            {t("common.retry")}
          </Button>
        </div>
      )}
    </div>
  );
}

/** The list of one view, newest activity first. */
export function ConversationList(props: Props) {
  const { items, query } = props;
  return (
    <div className="list-pane">
      <ListHead roomForViews={props.roomForViews} />
      {query.isPending ? (
        <Skeleton lines={9} />
      ) : query.isError && items.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <div className="list-scroll" data-testid="conversation-list">
          <EmptyList />
        </div>
      ) : (
        <Rows {...props} />
      )}
    </div>
  );
}
