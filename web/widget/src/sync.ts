import type { Connection } from './connection';
import type { Conversation, HelloFrame, Message } from './protocol';
import type { SendQueue } from './queue';
import type { State } from './state';
import { comparePositions, formatPosition, last, later, mergeMessages, type Position } from './thread';

const TYPING_SHOWN = 6_000;
/** Most messages in one hello; when that many come, more may follow. */
const HELLO_MOST = 200;

export type ThreadSync = ReturnType<typeof createSync>;

/** Keeps the thread on screen equal to the server's, whatever arrives twice, late or by another way. */
export function createSync(state: State, connection: Connection, queue: SendQueue) {
  const { conversation, messages, hasEarlier, loaded, readUpTo, typing } = state;
  /** Newest place received in order; the socket resumes after it. Acks do not move it: they overtake others' messages. */
  let position: Position | null = null;
  let typingTimer: ReturnType<typeof setTimeout> | undefined;

  /** Adds messages in whatever order they come and takes them off the queue. */
  function receive(more: readonly Message[]): void {
    messages.value = mergeMessages(messages.value, more);
    more.forEach(({ client_key }) => client_key && queue.remove(client_key));
  }

  /** Messages in the order of the feed: the position moves on. */
  function received(more: readonly Message[]): void {
    receive(more);
    position = later(position, last(more));
  }

  function setConversation(to: Conversation): void {
    conversation.value = to;
    readUpTo.value = later(readUpTo.value, { conversation_id: to.id, seq: to.customer_read_seq });
  }

  /** Shows for some seconds that a teammate types; null when they stopped. */
  function showTyping(name: string | null): void {
    clearTimeout(typingTimer);
    typing.value = name;
    if (name !== null) typingTimer = setTimeout(() => (typing.value = null), TYPING_SHOWN);
  }

  function sendRead(): void {
    const read = readUpTo.value;
    const { id, customer_read_seq } = conversation.value ?? {};
    if (read && (read.conversation_id !== id || read.seq > (customer_read_seq ?? 0))) connection.send({ t: 'read', ...read });
  }

  return {
    receive,
    received,
    setConversation,
    showTyping,

    /** Where the next hello resumes; null asks for the newest page. */
    after: () => position && formatPosition(position),

    /** The next hello asks for the newest page. */
    forgetPosition(): void {
      position = null;
    },

    /** Drops the thread and everything known about it. */
    clear(): void {
      position = null;
      conversation.value = null;
      messages.value = [];
      loaded.value = false;
      hasEarlier.value = false;
      readUpTo.value = null;
      showTyping(null);
    },

    /** Takes the server's hello; false when more is to come and the socket has to say hello again. */
    hello(frame: HelloFrame): boolean {
      const snapshot = frame.reset || !position;
      if (snapshot) {
        messages.value = [];
        hasEarlier.value = frame.has_more;
        position = null;
      }
      if (frame.conversation) setConversation(frame.conversation);
      received(frame.messages);
      loaded.value = true;
      sendRead();
      return snapshot || !frame.has_more || frame.messages.length < HELLO_MOST;
    },

    /** The newest page, asked for without a socket. */
    page(items: readonly Message[], hasMore: boolean): void {
      const newest = last(messages.value);
      const gap = newest && items[0] && hasMore && comparePositions(items[0], newest) > 0;
      if (gap) messages.value = [];
      if (gap || !newest) hasEarlier.value = hasMore;
      loaded.value = true;
      receive(items);
    },

    /** Moves the visitor's mark to the newest answer while they can see it. Run it as an effect. */
    markRead(): void {
      const newest = state.newestAnswer();
      if (!state.open.value || !state.visible.value || !loaded.value || !newest) return;
      if (readUpTo.value && comparePositions(newest, readUpTo.value) <= 0) return;
      readUpTo.value = later(null, newest);
      sendRead();
    },
  };
}
