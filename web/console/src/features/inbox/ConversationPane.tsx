import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation } from "@/api/types";
import { ApiError } from "@/api/http";
import { usePermission } from "@/features/session/me";
import { useOfferCommands, type Command } from "@/features/shell/commands";
import { Button, EmptyState, ErrorState, LockIcon, Skeleton } from "@/ui";
import { useConversationActions, type ConversationActions } from "./actions";
import { Composer, type ComposerHandle } from "./Composer";
import { ConversationHeader, type HeaderMenu } from "./ConversationHeader";
import { CustomerPanel } from "./CustomerPanel";
import { JourneyContext } from "./JourneyContext";
import { closeOverlay, usePanel } from "./panel-state";
import { useTellView } from "./presence";
import { useConversation, useThread } from "./queries";
import { remember } from "./recent";
import { Thread } from "./Thread";
import { useConversationKeys } from "./useInboxKeys";

function useCommands(conversation: Conversation, actions: ConversationActions, onMenu: (menu: HeaderMenu) => void, composer: React.RefObject<ComposerHandle | null>) {
  const { t } = useTranslation();
  const mayReply = usePermission("inbox.reply");
  const { query } = useThread(conversation.id);
  const messages = useRef(query.data?.items ?? []);
  messages.current = query.data?.items ?? [];
  const resolved = conversation.status === "resolved";
  const commands = useMemo<Command[]>(() => {
    const unread: Command = { id: "unread", label: t("actions.markUnread"), shortcut: "U", run: () => void actions.markUnread(messages.current) };
    if (!mayReply) return [unread];
    return [
      { id: "reply", label: t("composer.reply"), shortcut: "R", run: () => composer.current?.focus("text") },
      { id: "note", label: t("composer.note"), shortcut: "P", run: () => composer.current?.focus("note") },
      resolved
        ? { id: "resolve", label: t("actions.reopen"), shortcut: "E", run: () => void actions.reopen() }
        : { id: "resolve", label: t("actions.resolve"), shortcut: "E", run: () => void actions.resolve() },
      { id: "assign-me", label: t("actions.assignMe"), shortcut: "A", run: () => void actions.assignMe() },
      { id: "assign", label: t("actions.assign"), run: () => onMenu("assign") },
      ...(resolved ? [] : [{ id: "snooze", label: t("actions.snooze"), shortcut: "M", run: () => onMenu("snooze") }]),
      unread,
    ];
  }, [actions, composer, mayReply, onMenu, resolved, t]);
  useOfferCommands(commands);
  useConversationKeys(commands);
}

/** A viewer's end of the thread: says why there is no composer. */
function ReadOnly({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  useTellView(conversationId, "viewing");
  return (
    <div className="composer">
      <p className="composer-inner composer-note">{t("composer.readOnly")}</p>
    </div>
  );
}

function Open({ conversation, onBack }: { conversation: Conversation; onBack: () => void }) {
  const [menu, setMenu] = useState<HeaderMenu>("none");
  const panel = usePanel();
  const mayReply = usePermission("inbox.reply");
  const mayCustomers = usePermission("customers.read");
  const composer = useRef<ComposerHandle>(null);
  const actions = useConversationActions(conversation)!;
  const { query } = useThread(conversation.id);
  useCommands(conversation, actions, setMenu, composer);
  const { id, number, channel } = conversation;
  const { name, label } = conversation.customer;
  useEffect(() => remember({ id, number, name, label, channel }), [channel, id, label, name, number]);
  useEffect(() => () => void closeOverlay(), [id]);

  return (
    <div className="pane">
      <div className="pane-main">
        <ConversationHeader conversation={conversation} messages={query.data?.items ?? []} actions={actions} menu={menu} onMenu={setMenu} onBack={onBack} />
        <JourneyContext conversation={conversation} />
        <Thread key={`thread-${id}`} conversation={conversation} />
        {mayReply ? <Composer key={`composer-${id}`} ref={composer} conversation={conversation} actions={actions} /> : <ReadOnly conversationId={id} />}
      </div>
      {panel.open && mayCustomers && <CustomerPanel conversation={conversation} />}
    </div>
  );
}

/** The open conversation, or why it cannot be shown. */
export function ConversationPane({ id, onBack }: { id: string; onBack: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useConversation(id);
  if (query.data) return <Open conversation={query.data} onBack={onBack} />;
  if (query.error instanceof ApiError && query.error.status === 404) {
    return (
      <EmptyState icon={<LockIcon />} title={t("inbox.gone")} actions={<Button onClick={() => void navigate({ to: "/inbox" })}>{t("actions.backToList")}</Button>}>
        {t("inbox.goneBody")}
      </EmptyState>
    );
  }
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton lines={8} />;
}
