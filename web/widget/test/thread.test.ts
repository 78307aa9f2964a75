import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../src/connection';
import type { Conversation, HelloFrame, Message } from '../src/protocol';
import type { SendQueue } from '../src/queue';
import { createState } from '../src/state';
import { createSync, type ThreadSync } from '../src/sync';
import { comparePositions, later, mergeMessages } from '../src/thread';
import { toRows } from '../src/ui/rows';

const BIG = '9007199254740993';
const BIGGER = '9007199254740994';

function message(seq: number, more: Partial<Message> = {}): Message {
  return { conversation_id: BIG, seq, direction: 'out', author_name: 'Lin', body: `m${seq}`, attachments: [], client_key: null, created_at: new Date(2026, 0, 1, 10, seq).toISOString(), ...more };
}

function conversation(more: Partial<Conversation> = {}): Conversation {
  return { id: BIG, status: 'open', last_seq: 0, agent_read_seq: 0, customer_read_seq: 0, assignee_name: null, ...more };
}

function hello(messages: Message[], more: Partial<HelloFrame> = {}): HelloFrame {
  return { t: 'hello', server_time: '', node: 'a', conversation: conversation(), messages, has_more: false, reset: false, ...more };
}

describe('order', () => {
  it('compares conversations as whole numbers, beyond what a double holds', () => {
    expect(comparePositions({ conversation_id: BIG, seq: 9 }, { conversation_id: BIGGER, seq: 1 })).toBeLessThan(0);
    expect(comparePositions({ conversation_id: '10', seq: 1 }, { conversation_id: '9', seq: 2 })).toBeGreaterThan(0);
    expect(comparePositions({ conversation_id: BIG, seq: 2 }, { conversation_id: BIG, seq: 10 })).toBeLessThan(0);
  });

  it('merges out of order and twice into one ascending list', () => {
    const merged = mergeMessages([message(2), message(5)], [message(5, { body: 'newer' }), message(1), message(1, { conversation_id: BIGGER })]);
    expect(merged.map(({ conversation_id, seq }) => `${conversation_id}:${seq}`)).toEqual([`${BIG}:1`, `${BIG}:2`, `${BIG}:5`, `${BIGGER}:1`]);
    expect(merged[2]?.body).toBe('newer');
  });

  it('takes the later place', () => {
    expect(later(null, undefined)).toBeNull();
    expect(later(null, message(3))).toEqual({ conversation_id: BIG, seq: 3 });
    expect(later(message(3), message(2))).toEqual({ conversation_id: BIG, seq: 3 });
  });
});

describe('synchronisation', () => {
  let state: ReturnType<typeof createState>;
  let sync: ThreadSync;
  const send = vi.fn((_: object) => true);
  const remove = vi.fn();

  beforeEach(() => {
    send.mockClear();
    remove.mockClear();
    state = createState();
    sync = createSync(state, { send } as unknown as Connection, { remove } as unknown as SendQueue);
  });
  const held = (): number[] => state.messages.value.map(({ seq }) => seq);

  it('resumes after the newest message of the feed, never after an ack', () => {
    expect(sync.after()).toBeNull();
    sync.hello(hello([message(1), message(2)]));
    expect(sync.after()).toBe(`${BIG}:2`);
    sync.receive([message(9, { direction: 'in', client_key: 'k' })]); // An ack that overtook message 8.
    expect(sync.after()).toBe(`${BIG}:2`);
    sync.received([message(8)]);
    expect(sync.after()).toBe(`${BIG}:8`);
    expect(held()).toEqual([1, 2, 8, 9]);
    expect(remove).toHaveBeenCalledWith('k');
  });

  it('keeps what it holds on resumption and drops it on reset', () => {
    sync.hello(hello([message(1), message(2)], { has_more: true }));
    expect(state.hasEarlier.value).toBe(true);
    sync.hello(hello([message(3)]));
    expect(held()).toEqual([1, 2, 3]);
    expect(state.hasEarlier.value).toBe(true);
    sync.hello(hello([message(7)], { reset: true, has_more: false }));
    expect(held()).toEqual([7]);
    expect(state.hasEarlier.value).toBe(false);
  });

  it('says hello again when a resumption did not bring everything', () => {
    sync.hello(hello([message(1)]));
    const many = Array.from({ length: 200 }, (_, index) => message(index + 2));
    expect(sync.hello(hello(many, { has_more: true }))).toBe(false);
    expect(sync.after()).toBe(`${BIG}:201`);
    expect(sync.hello(hello([message(202)]))).toBe(true);
  });

  it('counts unread answers after the read mark, wherever it was moved', () => {
    sync.hello(hello([message(1), message(2), message(3, { direction: 'in' }), message(4)], { conversation: conversation({ customer_read_seq: 1 }) }));
    expect(state.unread()).toBe(2);
    sync.setConversation(conversation({ customer_read_seq: 4 })); // Read in another tab.
    expect(state.unread()).toBe(0);
    sync.setConversation(conversation({ customer_read_seq: 1 })); // An older frame that was late.
    expect(state.unread()).toBe(0);
    sync.received([message(1, { conversation_id: BIGGER })]);
    expect(state.unread()).toBe(1);
  });

  it('marks as read only what the visitor can see', () => {
    sync.hello(hello([message(1)]));
    state.visible.value = true;
    sync.markRead();
    expect(send).not.toHaveBeenCalled();
    state.open.value = true;
    state.visible.value = false;
    sync.markRead();
    expect(send).not.toHaveBeenCalled();
    state.visible.value = true;
    sync.markRead();
    sync.markRead();
    expect(send.mock.calls).toEqual([[{ t: 'read', conversation_id: BIG, seq: 1 }]]);
  });

  it('repeats a read mark that the server does not have yet', () => {
    state.open.value = state.visible.value = true;
    sync.hello(hello([message(1)]));
    sync.markRead();
    sync.hello(hello([]));
    expect(send).toHaveBeenCalledTimes(2);
    sync.hello(hello([], { conversation: conversation({ customer_read_seq: 1 }) }));
    expect(send).toHaveBeenCalledTimes(2);
  });

  it('shows typing for six seconds at most', () => {
    vi.useFakeTimers();
    sync.showTyping('Lin');
    vi.advanceTimersByTime(5999);
    expect(state.typing.value).toBe('Lin');
    vi.advanceTimersByTime(1);
    expect(state.typing.value).toBeNull();
    vi.useRealTimers();
  });

  it('replaces the thread when a polled page leaves a gap', () => {
    sync.page([message(1), message(2)], false);
    sync.page([message(2), message(3)], true);
    expect(held()).toEqual([1, 2, 3]);
    expect(state.hasEarlier.value).toBe(false);
    sync.page([message(40), message(41)], true);
    expect(held()).toEqual([40, 41]);
    expect(state.hasEarlier.value).toBe(true);
  });
});

describe('rows', () => {
  it('groups by author and time, names days and marks the newest own message', () => {
    const waiting = { key: 'w', order: 1, body: 'waiting', files: [], at: +new Date(2026, 0, 2, 9), tab: 't', failure: null };
    const rows = toRows([message(1), message(2), message(20), message(21, { direction: 'in', author_name: null, client_key: 'k' }), message(22, { author_name: 'Mei' })], [waiting]);
    expect(rows.map(({ key, newDay, first, last, newestOwn }) => [key, newDay, first, last, newestOwn])).toEqual([
      [`${BIG}:1`, true, true, false, false],
      [`${BIG}:2`, false, false, true, false],
      [`${BIG}:20`, false, true, true, false],
      ['k', false, true, true, true],
      [`${BIG}:22`, false, true, true, false],
      ['w', true, true, true, false],
    ]);
  });
});
