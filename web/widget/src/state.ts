import { signal } from './reactive';
import type { Config, Conversation, Limits, Message } from './protocol';
import { comparePositions, last, type Position } from './thread';

/** How what is written leaves the device: by the socket, by plain requests, or not now. `idle` needs no connection. */
export type ConnectionView = 'idle' | 'connecting' | 'online' | 'polling' | 'offline';

export interface Notice {
  code: string;
  params: Record<string, unknown>;
}

export type State = ReturnType<typeof createState>;

/** Everything the widget shows. Only the chat changes it, except draft, tray and notice, which are the composer's too. */
export function createState() {
  const open = signal(false);
  const messages = signal<readonly Message[]>([]);
  /** Whether the thread has been received; until then only the session's count of unread is known. */
  const loaded = signal(false);
  const sessionUnread = signal(0);
  /** How far the visitor has read. */
  const readUpTo = signal<Position | null>(null);
  /** Newest message whose preview was put away. */
  const previewPutAway = signal<Position | null>(null);
  const isAfter = (message: Message, place: Position | null): boolean => !place || comparePositions(message, place) > 0;

  const answers = (): Message[] => messages.value.filter(({ direction }) => direction === 'out');
  const newestAnswer = (): Message | undefined => last(answers());
  const unread = (): number => (loaded.value ? answers().filter((message) => isAfter(message, readUpTo.value)).length : sessionUnread.value);

  return {
    config: signal<Config | null>(null),
    limits: signal<Limits>({ body: 10_000, file_bytes: 20 << 20, files: 10 }),
    open,
    visible: signal(!document.hidden),
    connection: signal<ConnectionView>('idle'),
    conversation: signal<Conversation | null>(null),
    messages,
    loaded,
    hasEarlier: signal(false),
    loadingEarlier: signal(false),
    /** Name of the teammate who is typing; empty when typing without a name, null when nobody is. */
    typing: signal<string | null>(null),
    /** Teammates online; null until the server said. */
    teammates: signal<number | null>(null),
    sessionUnread,
    readUpTo,
    previewPutAway,
    draft: signal(''),
    tray: signal<readonly File[]>([]),
    notice: signal<Notice | null>(null),
    newestAnswer,
    unread,
    /** Message shown beside the closed launcher. */
    preview(): Message | null {
      const newest = newestAnswer();
      return newest && !open.value && unread() > 0 && isAfter(newest, previewPutAway.value) ? newest : null;
    },
  };
}
