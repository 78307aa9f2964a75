import type { Delivery, Message, MessagePage } from "@/api/types";

/** The part of a conversation that is held: ascending by seq, no duplicates. */
export interface Thread {
  items: Message[];
  hasMoreBefore: boolean;
}

export interface Insertion {
  thread: Thread;
  /** Set when a message before the new one is missing: fetch what follows this seq. */
  missingAfter: number | null;
}

const rank: Record<Delivery["state"], number> = {
  queued: 0,
  claimed: 1,
  sending: 2,
  failed: 3,
  unknown: 3,
  cancelled: 3,
  sent: 4,
  delivered: 5,
  read: 6,
};

/** The newer of two states of one delivery; a retry starts a higher attempt. */
export function newerDelivery(a: Delivery | null, b: Delivery | null): Delivery | null {
  if (!a || !b) return a ?? b;
  if (a.attempt !== b.attempt) return a.attempt > b.attempt ? a : b;
  const x = Date.parse(a.updated_at);
  const y = Date.parse(b.updated_at);
  if (x !== y) return x > y ? a : b;
  return rank[a.state] > rank[b.state] ? a : b;
}

function merge(known: Message, news: Message): Message {
  return { ...news, delivery: newerDelivery(known.delivery, news.delivery) };
}

/** Index of seq, or where it would go. */
function find(items: Message[], seq: number): { at: number; found: boolean } {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return { at: low, found: items[low]?.seq === seq };
}

/** Adds one message from the socket or from the answer to sending it. */
export function insertMessage(thread: Thread, message: Message): Insertion {
  const { at, found } = find(thread.items, message.seq);
  const items = thread.items.slice();
  if (found) {
    items[at] = merge(items[at]!, message);
    return { thread: { ...thread, items }, missingAfter: null };
  }
  if (at === 0 && thread.hasMoreBefore) {
    // Older than what is held: paging upward will bring it in its place.
    return { thread, missingAfter: null };
  }
  const before = items[at - 1];
  items.splice(at, 0, message);
  const missingAfter = message.seq > (before?.seq ?? 0) + 1 && (before !== undefined || !thread.hasMoreBefore) ? (before?.seq ?? 0) : null;
  return { thread: { ...thread, items }, missingAfter };
}

/** Joins a page fetched with after_seq or before_seq into what is held. */
export function joinPage(thread: Thread, page: MessagePage, side: "before" | "after"): Thread {
  const bySeq = new Map(thread.items.map((m) => [m.seq, m]));
  for (const message of page.items) {
    const known = bySeq.get(message.seq);
    bySeq.set(message.seq, known ? merge(known, message) : message);
  }
  const items = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  return { items, hasMoreBefore: side === "before" ? page.has_more_before : thread.hasMoreBefore };
}

/**
 * What to hold after the newest page was fetched anew. Earlier pages are kept
 * when they touch the new one, so that the reader's place does not move.
 */
export function refreshThread(known: Thread | undefined, newest: MessagePage): Thread {
  const fresh: Thread = { items: newest.items, hasMoreBefore: newest.has_more_before };
  const first = newest.items[0];
  const last = known?.items[known.items.length - 1];
  if (!known || !first || !last || last.seq < first.seq - 1) return fresh;
  return joinPage(known, newest, "after");
}

/** Applies a delivery's new state. */
export function patchDelivery(thread: Thread, seq: number, delivery: Delivery): Thread {
  const { at, found } = find(thread.items, seq);
  if (!found) return thread;
  const items = thread.items.slice();
  const message = items[at]!;
  items[at] = { ...message, delivery: newerDelivery(message.delivery, delivery) };
  return { ...thread, items };
}
