import { useComputed, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Chat } from '../chat';
import { dayName, locale, t } from '../locale';
import type { Message } from '../protocol';
import { comparePositions } from '../thread';
import { DownIcon } from './icons';
import { MessageView } from './message';
import { toRows } from './rows';

/** Distance from the end, in pixels, within which the thread follows what arrives. */
const FOLLOW = 80;

/** The messages, newest last. */
export function Thread({ chat }: { chat: Chat }): JSX.Element {
  const { state, queue } = chat;
  const rows = useComputed(() => {
    const conversation = state.conversation.value;
    const seen = (message: Message): boolean =>
      conversation !== null && comparePositions(message, { conversation_id: conversation.id, seq: conversation.agent_read_seq }) <= 0;
    return toRows(state.messages.value, queue.items.value, seen);
  });
  const { box, away, follow } = useFollowing(chat);
  return (
    <div class="thread-frame">
      <div
        class="thread"
        ref={box}
        role="log"
        aria-label={t('thread')}
        tabIndex={0}
        onScroll={(event) => {
          follow();
          if (event.currentTarget.scrollTop < 40) void chat.loadEarlier();
        }}
      >
        {state.hasEarlier.value ? (
          <button type="button" class="load-earlier" data-testid="load-earlier" disabled={state.loadingEarlier.value} onClick={() => void chat.loadEarlier()}>
            {t(state.loadingEarlier.value ? 'loading' : 'load_earlier')}
          </button>
        ) : (
          <Greeting chat={chat} />
        )}
        {rows.value.map((row) =>
          row.kind === 'day' ? (
            <div class="day" key={row.key}>
              {dayName(row.at)}
            </div>
          ) : (
            <MessageView key={row.key} chat={chat} row={row} />
          ),
        )}
        {state.conversation.value?.status === 'resolved' && queue.items.value.length === 0 && <div class="day">{t('resolved')}</div>}
        <Typing chat={chat} />
      </div>
      {away.value && (
        <button type="button" class="newest" onClick={() => box.current?.scrollTo({ top: box.current.scrollHeight, behavior: 'smooth' })}>
          <DownIcon />
          {t('newest')}
        </button>
      )}
    </div>
  );
}

function Greeting({ chat }: { chat: Chat }): JSX.Element | null {
  const greeting = chat.state.config.value?.greeting[locale.value];
  return greeting ? (
    <div class="message out first" data-testid="greeting">
      <div class="bubble">{greeting}</div>
    </div>
  ) : null;
}

function Typing({ chat }: { chat: Chat }): JSX.Element | null {
  const name = chat.state.typing.value;
  if (name === null) return null;
  return (
    <div class="message out first" data-testid="typing">
      <div class="bubble dots" role="img" aria-label={name ? t('typing_name', { name }) : t('typing')}>
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

/** Keeps the end in view while the visitor is there, and the place they read when earlier messages arrive above. */
function useFollowing(chat: Chat) {
  const box = useRef<HTMLDivElement>(null);
  const away = useSignal(false);
  const atEnd = useRef(true);
  const held = useRef({ first: '', count: 0, height: 0, queued: 0 });
  const { messages, typing } = chat.state;
  const first = messages.value[0];
  const firstKey = first ? `${first.conversation_id}:${first.seq}` : '';
  const queued = chat.queue.items.value.length;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const before = held.current;
    if (firstKey !== before.first && before.first && messages.value.length > before.count && !atEnd.current) {
      element.scrollTop += element.scrollHeight - before.height;
    } else if (atEnd.current || queued > before.queued) {
      element.scrollTop = element.scrollHeight;
    } else if (messages.value.length > before.count) {
      away.value = true;
    }
    held.current = { first: firstKey, count: messages.value.length, height: element.scrollHeight, queued };
  }, [messages.value, queued, typing.value]);

  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === 'undefined') return undefined;
    const watcher = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  const follow = (): void => {
    const element = box.current;
    if (!element) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW;
    if (atEnd.current) away.value = false;
  };
  return { box, away, follow };
}
