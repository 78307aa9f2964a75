import { Fragment, useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation, Message } from "@/api/types";
import { customerName } from "@/features/customers/name";
import { useMe } from "@/features/session/me";
import { dayKey, dayName } from "@/i18n/format";
import { useTyping } from "@/realtime/hints";
import { Button, DownIcon, ErrorState, Skeleton, useNow } from "@/ui";
import { standingOf } from "./allowance";
import { MessageItem, PendingItem } from "./Message";
import { usePending, type Pending } from "./outbox";
import { useMarkRead } from "./reading";
import { useThread } from "./queries";
import { useStickyScroll } from "./useStickyScroll";

/** Messages of one author within this time share one name and face. */
const TOGETHER = 5 * 60_000;

function follows(a: Message | undefined, b: Message): boolean {
  return (
    a !== undefined &&
    a.kind !== "activity" &&
    a.kind === b.kind &&
    a.direction === b.direction &&
    a.author.kind === b.author.kind &&
    a.author.id === b.author.id &&
    dayKey(a.created_at) === dayKey(b.created_at) &&
    Date.parse(b.created_at) - Date.parse(a.created_at) < TOGETHER
  );
}

/** The last reply the customer has read, to put the mark below it. */
function lastSeenReply(items: Message[], readSeq: number): number {
  for (let i = items.length - 1; i >= 0; i--) {
    const m = items[i]!;
    if (m.direction === "out" && m.seq <= readSeq) return m.seq;
  }
  return 0;
}

/** Where "new" begins: after what was read when the conversation was opened. */
function useNewMark(conversation: Conversation): number {
  const mark = useRef({ id: "", seq: 0 });
  if (mark.current.id !== conversation.id) {
    mark.current = { id: conversation.id, seq: conversation.inbound_count > conversation.read_inbound_count ? conversation.read_seq : Infinity };
  }
  return mark.current.seq;
}

interface LogProps {
  conversation: Conversation;
  items: Message[];
  pending: Pending[];
  newAfter: number;
}

function Log({ conversation, items, pending, newAfter }: LogProps) {
  const { t } = useTranslation();
  const now = useNow();
  const seenSeq = lastSeenReply(items, conversation.customer_read_seq);
  const mayWrite = standingOf(conversation, now).state !== "closed";
  let newShown = false;
  return items
    .map<ReactNode>((message, i) => {
      const previous = items[i - 1];
      const newDay = !previous || dayKey(previous.created_at) !== dayKey(message.created_at);
      const isNew = !newShown && message.direction === "in" && message.seq > newAfter && previous !== undefined;
      if (isNew) newShown = true;
      return (
        <Fragment key={message.client_key ?? message.id}>
          {newDay && (
            <div className="day">
              <time dateTime={message.created_at}>{dayName(message.created_at, now)}</time>
            </div>
          )}
          {isNew && (
            <div className="day" data-new="">
              {t("thread.newMark")}
            </div>
          )}
          <MessageItem message={message} customer={conversation.customer} channel={conversation.channel} subject={conversation.subject ?? null} mayWrite={mayWrite} follows={!newDay && !isNew && follows(previous, message)} />
          {message.seq === seenSeq && (
            <div className="seen" title={t("thread.seenAt")} data-testid="seen-mark">
              {t("thread.seen")}
            </div>
          )}
        </Fragment>
      );
    })
    .concat(pending.map((p) => <PendingItem key={p.clientKey} pending={p} />));
}

function CustomerTyping({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  if (!useTyping(conversation.id)) return null;
  return (
    <div className="typing" data-testid="customer-typing">
      <span className="typing-dots" aria-hidden="true">
        <span />
        <span />
        <span />
      </span>
      {t("thread.typing", { name: customerName(conversation.customer) })}
    </div>
  );
}

/** How many inbound messages arrived below what the reader sees. */
function useNewBelow(items: Message[], atBottom: boolean): number {
  const me = useMe();
  const newest = items[items.length - 1]?.seq ?? 0;
  const seen = useRef(newest);
  useEffect(() => {
    if (atBottom) seen.current = newest;
  }, [atBottom, newest]);
  if (atBottom || seen.current === 0) return 0;
  return items.filter((m) => m.seq > seen.current && m.kind !== "activity" && m.author.id !== me.id).length;
}

/** The conversation's messages in order, with what is on its way below. */
export function Thread({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const { query, loadOlder, loadingOlder, olderError } = useThread(conversation.id);
  const pending = usePending(conversation.id);
  const items = query.data?.items ?? [];
  const newest = items[items.length - 1]?.seq ?? 0;
  const newAfter = useNewMark(conversation);
  const { setScroller, scroller, atBottom, onScroll, toBottom } = useStickyScroll(items[0]?.seq, conversation.id, query.isSuccess);
  const newBelow = useNewBelow(items, atBottom);
  const hasOlder = query.data?.hasMoreBefore ?? false;
  useMarkRead(conversation, newest, atBottom && query.isSuccess);

  const lastPending = pending[pending.length - 1]?.clientKey;
  useEffect(() => {
    // One's own message is always shown, wherever one was reading.
    if (lastPending) toBottom();
  }, [lastPending, toBottom]);

  const scrolled = () => {
    onScroll();
    if (scroller && scroller.scrollTop < 240 && hasOlder && !loadingOlder && !olderError) void loadOlder();
  };

  if (query.isPending) return <div className="thread-wrap"><Skeleton lines={7} /></div>;
  if (query.isError && items.length === 0) {
    return (
      <div className="thread-wrap">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  return (
    <div className="thread-wrap">
      <div className="thread" ref={setScroller} onScroll={scrolled} data-testid="thread" role="log" aria-live="polite" aria-label={t("thread.log", { name: customerName(conversation.customer) })} tabIndex={0}>
        <div className="thread-inner">
          {hasOlder && (
            <div className="thread-top">
              <Button type="link" size="small" loading={loadingOlder} onClick={() => void loadOlder()}>
                {loadingOlder ? t("thread.loadingOlder") : t("thread.loadOlder")}
              </Button>
            </div>
          )}
          <Log conversation={conversation} items={items} pending={pending} newAfter={newAfter} />
          <CustomerTyping conversation={conversation} />
        </div>
      </div>
      {!atBottom && (
        <button type="button" className="jump" data-testid="jump-newest" data-new={newBelow > 0 ? "" : undefined} onClick={toBottom}>
          <DownIcon />
          {newBelow > 0 ? t("thread.jumpNew", { count: newBelow }) : t("thread.jump")}
        </button>
      )}
    </div>
  );
}
