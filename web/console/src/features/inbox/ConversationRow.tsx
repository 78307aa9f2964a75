import { Link } from "@tanstack/react-router";
import { memo, type CSSProperties } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation, Teammate } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { age, full, soon, span } from "@/i18n/format";
import type { InboxSearch } from "@/routes/router";
import { Avatar, SnoozeIcon, Tooltip } from "@/ui";

interface Props {
  conversation: Conversation;
  search: InboxSearch;
  current: boolean;
  now: number;
  assignee: Teammate | undefined;
  /** Oneself, which the list tells as "You". */
  ownId: string;
  style: CSSProperties;
}

function Preview({ conversation, ownId }: { conversation: Conversation; ownId: string }) {
  const { t } = useTranslation();
  const last = conversation.last_message;
  if (!last) return <>{t("inbox.noMessage")}</>;
  const author = last.author_id === ownId ? t("inbox.you") : last.author_name;
  const by = last.kind === "note" ? t("inbox.noteBy") : last.direction === "out" ? author : null;
  return (
    <>
      {by ? t("inbox.previewBy", { name: by }) : ""}
      {conversation.subject && last.direction === "in" ? t("inbox.previewSubject", { subject: conversation.subject }) : ""}
      {last.preview || t("notify.files")}
    </>
  );
}

function Waiting({ conversation, now }: { conversation: Conversation; now: number }) {
  const { t } = useTranslation();
  if (conversation.status === "snoozed" && conversation.snoozed_until) {
    return (
      <span className="row-age" title={t("snoozeState.until", { time: full(conversation.snoozed_until) })}>
        <SnoozeIcon /> {soon(conversation.snoozed_until, now)}
      </span>
    );
  }
  const since = conversation.waiting_since;
  if (!since || conversation.status === "resolved" || now - Date.parse(since) < 60_000) return null;
  const waited = now - Date.parse(since) < 86_400_000 ? span(now - Date.parse(since)) : age(since, now);
  return (
    <span className="wait num" title={t("inbox.waitingSince", { time: full(since) })}>
      <SnoozeIcon /> {waited}
    </span>
  );
}

/** One conversation in the list. */
export const ConversationRow = memo(function ConversationRow({ conversation, search, current, now, assignee, ownId, style }: Props) {
  const { t } = useTranslation();
  const who = customerName(conversation.customer);
  const unread = Math.max(0, conversation.inbound_count - conversation.read_inbound_count);
  const at = conversation.last_message?.at ?? conversation.last_activity_at;
  return (
    <Link
      to="/inbox/$conversationId"
      params={{ conversationId: conversation.id }}
      search={search}
      preload={false}
      activeProps={{}}
      className="row"
      data-testid="conversation-row"
      data-conversation-id={conversation.id}
      data-status={conversation.status}
      data-unread={unread > 0 ? unread : undefined}
      aria-current={current ? "true" : undefined}
      style={style}
    >
      <span className="row-avatar">
        <CustomerAvatar customer={conversation.customer} size={36} />
        <span className="channel">
          <ChannelIcon channel={conversation.channel} />
        </span>
      </span>
      <span style={{ minWidth: 0 }}>
        <span className="row-line">
          <span className="row-name">
            {who}
          </span>
          <time className="row-age" dateTime={at} title={full(at)}>
            {age(at, now)}
          </time>
        </span>
        <span className="row-line">
          <span className="row-preview">
            <Preview conversation={conversation} ownId={ownId} />
          </span>
          <span className="row-meta">
            <Waiting conversation={conversation} now={now} />
            {assignee && (
              <Tooltip title={assignee.name} mouseEnterDelay={0.4}>
                <span style={{ lineHeight: 0 }}>
                  <Avatar name={assignee.name} seed={assignee.id} size={18} />
                  <span className="visually-hidden">{assignee.name}</span>
                </span>
              </Tooltip>
            )}
            {unread > 0 && (
              <span className="unread-badge num" aria-label={t("inbox.unread", { count: unread })} role="img">
                {unread > 99 ? "99+" : unread}
              </span>
            )}
          </span>
        </span>
      </span>
    </Link>
  );
});
