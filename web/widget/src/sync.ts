import type { Connection } from './connection';
import { CodedError } from './errors';
import type { Conversation, HelloFrame, Message, ServerFrame } from './protocol';
import type { SendQueue } from './queue';
import type { Sender } from './sender';
import type { State } from './state';
import { comparePositions, formatPosition, last, later, mergeMessages, type Position } from './thread';

const TYPING_SHOWN = 6_000;
/** Most messages in one hello; when that many come, more may follow. */
const HELLO_MOST = 200;

/** Keeps the thread on screen equal to the server's, whatever arrives twice, late or by another way. */
export class ThreadSync {
  private readonly state: State;
  private readonly connection: Connection;
  private readonly queue: SendQueue;
  private readonly sender: Sender;
  /** Newest place received in order; the socket resumes after it. Acks do not move it: they overtake others' messages. */
  private position: Position | null = null;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(state: State, connection: Connection, queue: SendQueue, sender: Sender) {
    this.state = state;
    this.connection = connection;
    this.queue = queue;
    this.sender = sender;
  }

  /** Where the next hello resumes; null asks for the newest page. */
  get after(): string | null {
    return this.position && formatPosition(this.position);
  }

  /** The next hello asks for the newest page. */
  forgetPosition(): void {
    this.position = null;
  }

  /** Takes the server's hello; false when more is to come and the socket has to say hello again. */
  onHello(frame: HelloFrame): boolean {
    const snapshot = frame.reset || this.position === null;
    if (snapshot) {
      this.state.messages.value = [];
      this.state.hasEarlier.value = frame.has_more;
      this.position = null;
    }
    this.state.conversation.value = null;
    if (frame.conversation) this.setConversation(frame.conversation);
    this.received(frame.messages);
    this.state.loaded.value = true;
    this.sendRead();
    return snapshot || !frame.has_more || frame.messages.length < HELLO_MOST;
  }

  onFrame(frame: Exclude<ServerFrame, HelloFrame>): void {
    switch (frame.t) {
      case 'message':
        this.received([frame.message]);
        if (frame.message.direction === 'out') this.showTyping(null);
        return;
      case 'ack':
        this.receive([frame.message]);
        this.sender.stored(frame.client_key, frame.message);
        return;
      case 'error':
        if (frame.client_key) {
          const wait = Number(frame.params?.['retry_after']) || null;
          this.sender.refused(frame.client_key, new CodedError(frame.code, frame.params, wait));
        }
        return;
      case 'conversation':
        this.setConversation(frame.conversation);
        return;
      case 'typing':
        this.showTyping(frame.on ? (frame.name ?? '') : null);
        return;
      case 'online':
        this.state.teammates.value = frame.teammates;
    }
  }

  /** The newest page, asked for without a socket. */
  onPage(items: readonly Message[], hasMore: boolean): void {
    const { messages, hasEarlier, loaded } = this.state;
    const oldest = items[0];
    const newest = last(messages.value);
    const gap = oldest && newest && hasMore && comparePositions(oldest, newest) > 0;
    if (gap) messages.value = [];
    if (gap || !newest) hasEarlier.value = hasMore;
    loaded.value = true;
    this.receive(items);
  }

  /** Adds messages in whatever order they come and takes them off the queue. */
  receive(messages: readonly Message[]): void {
    this.state.messages.value = mergeMessages(this.state.messages.value, messages);
    const stored = new Set(messages.map((message) => message.client_key));
    for (const item of this.queue.items.value) {
      if (stored.has(item.client_key)) this.queue.remove(item.client_key);
    }
  }

  /** Shows for some seconds that a teammate types; null when they stopped. */
  showTyping(name: string | null): void {
    clearTimeout(this.typingTimer);
    this.state.typing.value = name;
    if (name !== null) this.typingTimer = setTimeout(() => (this.state.typing.value = null), TYPING_SHOWN);
  }

  /** Moves the visitor's mark to the newest answer while they can see it. Reads signals: run it as an effect. */
  markRead(): void {
    const { open, visible, newestOut, readUpTo, loaded } = this.state;
    const newest = newestOut.value;
    if (!open.value || !visible.value || !loaded.value || !newest) return;
    const read = readUpTo.value;
    if (read && comparePositions(newest, read) <= 0) return;
    readUpTo.value = { conversation_id: newest.conversation_id, seq: newest.seq };
    this.sendRead();
  }

  /** Messages in the order of the feed: the position moves on. */
  private received(messages: readonly Message[]): void {
    this.receive(messages);
    this.position = later(this.position, last(messages) ?? null);
  }

  private setConversation(conversation: Conversation): void {
    const { readUpTo } = this.state;
    this.state.conversation.value = conversation;
    readUpTo.value = later(readUpTo.value, { conversation_id: conversation.id, seq: conversation.customer_read_seq });
  }

  private sendRead(): void {
    const read = this.state.readUpTo.peek();
    const conversation = this.state.conversation.peek();
    if (!read || !conversation) return;
    if (read.conversation_id === conversation.id && read.seq <= conversation.customer_read_seq) return;
    this.connection.send({ t: 'read', ...read });
  }
}
