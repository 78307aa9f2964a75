import { memo, signal } from '../reactive';
import { h, type VNode } from 'preact';
import type { Chat } from '../chat';
import { locale, t } from '../locale';
import { broken } from './file';
import { Icon } from './icons';
import { MessageView } from './message';
import { toRows } from './rows';

/** Distance from the end, in pixels, within which the thread follows what arrives. */
const FOLLOW = 80;

/** The messages, newest last. `settle` has to run after each drawing: it keeps the place the visitor reads. */
export function createThread(chat: Chat): { view: () => VNode; settle: () => void } {
  const { conversation, hasEarlier, loadingEarlier, messages, typing, config, connection } = chat.state;
  const items = chat.queue.items;
  const rows = memo(
    () => [messages.value, items.value, conversation.value, connection.value, locale.value, broken.value],
    () => toRows(messages.value, items.value).map((row) => <MessageView key={row.key} chat={chat} row={row} />),
  );
  /** Whether something arrived below what the visitor reads. */
  const below = signal(false);
  let box: HTMLElement | null = null;
  let atEnd = true;
  let height = 0;
  let firstKey: unknown;
  let count = 0;
  let waiting = 0;

  const toEnd = (): void => box?.scrollTo(0, box.scrollHeight);
  const watcher = new ResizeObserver(() => atEnd && toEnd());
  const hold = (element: HTMLElement | null): void => {
    watcher.disconnect();
    box = element;
    atEnd = true;
    count = 0;
    if (element) watcher.observe(element);
  };
  const onScroll = (): void => {
    if (!box) return;
    atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW;
    if (atEnd) below.value = false;
    if (box.scrollTop < 40 && !atEnd) void chat.loadEarlier();
  };

  function settle(): void {
    if (!box) return;
    const first = rows()[0]?.key;
    const more = rows().length > count && count > 0;
    if (atEnd || items.value.length > waiting) toEnd();
    else if (more && first !== firstKey) box.scrollTop += box.scrollHeight - height;
    else if (more) below.value = true;
    firstKey = first;
    height = box.scrollHeight;
    count = rows().length;
    waiting = items.value.length;
  }

  const view = (): VNode => {
    const greeting = config.value?.greeting[locale.value];
    return (
      <div class="frame">
        <div class="thread" ref={hold} role="log" aria-label={t('thread')} tabIndex={0} onScroll={onScroll}>
          {hasEarlier.value ? (
            <button type="button" class="earlier" data-testid="load-earlier" disabled={loadingEarlier.value} onClick={() => void chat.loadEarlier()}>
              {t('load_earlier')}
            </button>
          ) : (
            greeting && (
              <div class="message out" data-testid="greeting">
                <div class="bubble">{greeting}</div>
              </div>
            )
          )}
          {rows()}
          {conversation.value?.status === 'resolved' && <div class="day">{t('resolved')}</div>}
          {typing.value !== null && (
            <div class="message out first" data-testid="typing">
              <div class="bubble dots" role="img" aria-label={t('typing', { name: typing.value || t('agent') })}>
                <i />
                <i />
                <i />
              </div>
            </div>
          )}
        </div>
        {below.value && (
          <button type="button" class="newest" onClick={toEnd}>
            <Icon name="down" />
            {t('newest')}
          </button>
        )}
      </div>
    );
  };
  return { view, settle };
}
