import { startOfDay } from '../locale';
import type { Message } from '../protocol';
import type { QueuedMessage } from '../queue';

/** One message of the thread, stored (`message`) or on its way (`queued`). */
export interface Row {
  /** Stays the same when the stored message takes the place of the waiting one, so that nothing jumps. */
  key: string;
  direction: 'in' | 'out';
  message: Message | null;
  queued: QueuedMessage | null;
  author: string | null;
  body: string;
  at: Date;
  /** First of its day: the day is named above it. */
  newDay: boolean;
  /** First and last of several by the same author close together. */
  first: boolean;
  last: boolean;
  /** Newest of the visitor's stored messages; it alone says "sent" or "seen". */
  newestOwn: boolean;
}

const GROUP_WITHIN = 300_000;

/** Joins what the server stored and what still waits into the lines of the thread. */
export function toRows(messages: readonly Message[], waiting: readonly QueuedMessage[]): Row[] {
  const blank = { message: null, queued: null, author: null, newDay: false, first: true, last: true, newestOwn: false };
  const rows: Row[] = [
    ...messages.map((message) => ({
      ...blank,
      key: message.client_key ?? `${message.conversation_id}:${message.seq}`,
      direction: message.direction,
      message,
      author: message.author_name,
      body: message.body,
      at: new Date(message.created_at),
    })),
    ...waiting.map((queued) => ({ ...blank, key: queued.key, direction: 'in' as const, queued, body: queued.body, at: new Date(queued.at) })),
  ];
  let newest: Row | undefined;
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    row.newDay = !before || startOfDay(before.at) !== startOfDay(row.at);
    row.first = !before || row.newDay || before.direction !== row.direction || before.author !== row.author || +row.at - +before.at > GROUP_WITHIN;
    if (before) before.last = row.first;
    if (row.direction === 'in' && row.message) newest = row;
  });
  if (newest) newest.newestOwn = true;
  return rows;
}
