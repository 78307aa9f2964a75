import { useEffect, useRef } from "react";
import { api } from "@/api/calls";
import type { Conversation } from "@/api/types";
import { useRealtime } from "@/realtime/provider";
import { useVisible } from "@/ui/visible";

/** Conversations marked unread by hand: they stay so until one leaves them. */
const held = new Set<string>();

/** Places this tab told the server by itself, whose echoes are nobody's wish. */
const told = new Map<string, Set<number>>();

export function holdUnread(conversationId: string): void {
  held.add(conversationId);
}

/**
 * Follows the cursor as the server tells it: what was marked unread in another
 * tab or browser is not read again here because it happens to be on screen.
 */
export function followCursor(conversationId: string, from: number, to: number): void {
  if (told.get(conversationId)?.delete(to)) return;
  if (to < from) held.add(conversationId);
  if (to > from) held.delete(conversationId);
}

/** Marks a conversation read when its newest message is really before the reader's eyes. */
export function useMarkRead(conversation: Conversation, newestSeq: number, atBottom: boolean): void {
  const { feed } = useRealtime();
  const visible = useVisible();
  const sent = useRef(0);
  const { id, read_seq, inbound_count, read_inbound_count } = conversation;
  const unread = inbound_count > read_inbound_count || newestSeq > read_seq;

  useEffect(() => {
    sent.current = 0;
    return () => {
      held.delete(id);
      told.delete(id);
    };
  }, [id]);

  useEffect(() => {
    if (!visible || !atBottom || !unread || newestSeq === 0 || held.has(id) || sent.current >= newestSeq) return;
    sent.current = newestSeq;
    told.set(id, (told.get(id) ?? new Set()).add(newestSeq));
    const before = feed.patchConversation(id, (c) =>
      c.last_seq === newestSeq ? { ...c, read_seq: newestSeq, read_inbound_count: c.inbound_count } : { ...c, read_seq: newestSeq },
    );
    api.markRead(id, newestSeq).then(
      (cursor) =>
        feed.patchConversation(id, (c) =>
          c.read_seq > cursor.read_seq ? c : { ...c, read_seq: cursor.read_seq, read_inbound_count: cursor.read_inbound_count },
        ),
      () => {
        sent.current = 0;
        if (before) feed.patchConversation(id, (c) => ({ ...c, read_seq: before.read_seq, read_inbound_count: before.read_inbound_count }));
      },
    );
  }, [atBottom, feed, id, newestSeq, unread, visible]);
}
