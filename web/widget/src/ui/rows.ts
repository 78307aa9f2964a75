import { startOfDay } from '../locale';
import type { Attachment, Message } from '../protocol';
import type { QueuedMessage } from '../queue';

export type SendState = 'received' | 'sending' | 'sent' | 'seen' | 'failed';

/** One line of the thread. */
export type Row =
  | { kind: 'day'; key: string; at: Date }
  | {
      kind: 'message';
      key: string;
      direction: 'in' | 'out';
      seq: number | null;
      author: string | null;
      body: string;
      attachments: Attachment[];
      queued: QueuedMessage | null;
      state: SendState;
      at: Date;
      /** First of several by the same author close together. */
      first: boolean;
      /** Last of such a group; it carries the time. */
      last: boolean;
      /** Newest of the visitor's stored messages; it alone says "sent" or "seen". */
      newestOwn: boolean;
    };

type MessageRow = Extract<Row, { kind: 'message' }>;

const GROUP_WITHIN = 300_000;

/** Joins what the server stored and what still waits into the lines of the thread. */
export function toRows(messages: readonly Message[], queued: readonly QueuedMessage[], seen: (message: Message) => boolean): Row[] {
  const lines = [...messages.map((message) => storedRow(message, seen(message))), ...queued.map(queuedRow)];
  const rows: Row[] = [];
  let day = 0;
  lines.forEach((line, index) => {
    if (startOfDay(line.at) !== day) {
      day = startOfDay(line.at);
      rows.push({ kind: 'day', key: `day:${day}:${line.key}`, at: line.at });
    }
    line.first = !together(lines[index - 1], line);
    line.last = !together(line, lines[index + 1]);
    rows.push(line);
  });
  const own = lines.filter((line) => line.direction === 'in' && !line.queued);
  const newest = own[own.length - 1];
  if (newest) newest.newestOwn = true;
  return rows;
}

function together(a: MessageRow | undefined, b: MessageRow | undefined): boolean {
  if (!a || !b || a.direction !== b.direction || a.author !== b.author) return false;
  return startOfDay(a.at) === startOfDay(b.at) && Math.abs(b.at.getTime() - a.at.getTime()) < GROUP_WITHIN;
}

function storedRow(message: Message, seen: boolean): MessageRow {
  return {
    kind: 'message',
    // The key of the optimistic bubble stays, so that nothing jumps when the answer arrives.
    key: message.client_key ?? `${message.conversation_id}:${message.seq}`,
    direction: message.direction,
    seq: message.seq,
    author: message.direction === 'out' ? message.author_name : null,
    body: message.body,
    attachments: message.attachments,
    queued: null,
    state: message.direction === 'out' ? 'received' : seen ? 'seen' : 'sent',
    at: new Date(message.created_at),
    first: true,
    last: true,
    newestOwn: false,
  };
}

function queuedRow(item: QueuedMessage): MessageRow {
  return {
    kind: 'message',
    key: item.client_key,
    direction: 'in',
    seq: null,
    author: null,
    body: item.body,
    attachments: [],
    queued: item,
    state: item.failure ? 'failed' : 'sending',
    at: new Date(item.at),
    first: true,
    last: true,
    newestOwn: false,
  };
}
