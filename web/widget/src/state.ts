import { computed, signal } from '@preact/signals';
import type { Config, Conversation, Limits, Message } from './protocol';
import { comparePositions, last, type Position } from './thread';

export type ConnectionView = 'idle' | 'connecting' | 'online' | 'polling' | 'offline';

export interface Notice {
  code: string;
  params: Record<string, unknown>;
}

/** Everything the widget shows. Only the chat changes it, except where noted; components read it. */
export class State {
  readonly config = signal<Config | null>(null);
  readonly limits = signal<Limits>({ body: 10_000, file_bytes: 20 << 20, files: 10 });
  /** Whether the panel is open. */
  readonly open = signal(false);
  readonly visible = signal(!document.hidden);
  readonly connection = signal<ConnectionView>('idle');
  readonly conversation = signal<Conversation | null>(null);
  readonly messages = signal<readonly Message[]>([]);
  /** Whether the thread has been received; until then only the session's count of unread is known. */
  readonly loaded = signal(false);
  readonly hasEarlier = signal(false);
  readonly loadingEarlier = signal(false);
  /** Name of the teammate who is typing; empty when typing without a name, null when nobody is. */
  readonly typing = signal<string | null>(null);
  /** Teammates online; null until the server said. */
  readonly teammates = signal<number | null>(null);
  readonly sessionUnread = signal(0);
  /** How far the visitor has read. */
  readonly readUpTo = signal<Position | null>(null);
  /** Newest message whose preview was put away. */
  readonly previewPutAway = signal<Position | null>(null);
  /** What the visitor has written and not sent; the composer changes them. */
  readonly draft = signal('');
  readonly tray = signal<readonly File[]>([]);
  readonly notice = signal<Notice | null>(null);

  readonly newestOut = computed(() => last(this.messages.value.filter((message) => message.direction === 'out')) ?? null);

  readonly unread = computed(() => {
    if (!this.loaded.value) return this.sessionUnread.value;
    const read = this.readUpTo.value;
    return this.messages.value.filter((message) => message.direction === 'out' && (!read || comparePositions(message, read) > 0)).length;
  });

  /** Message shown beside the closed launcher. */
  readonly preview = computed(() => {
    const newest = this.newestOut.value;
    if (this.open.value || !newest || this.unread.value === 0) return null;
    const putAway = this.previewPutAway.value;
    return putAway && comparePositions(newest, putAway) <= 0 ? null : newest;
  });

  /** Forgets the person: thread, marks and what they were writing. */
  forgetPerson(): void {
    this.conversation.value = null;
    this.messages.value = [];
    this.loaded.value = false;
    this.hasEarlier.value = false;
    this.typing.value = null;
    this.teammates.value = null;
    this.sessionUnread.value = 0;
    this.readUpTo.value = null;
    this.previewPutAway.value = null;
    this.notice.value = null;
  }
}
