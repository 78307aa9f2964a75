import { effect, signal } from '../reactive';
import { h, type VNode } from 'preact';
import type { Chat } from '../chat';
import { CompositionGuard } from '../ime';
import { locale, t } from '../locale';
import { listenTo } from '../storage';
import { IconButton } from './button';
import { createComposer } from './composer';
import { createThread } from './thread';

/** A connection that comes back sooner than this is not worth a word. */
const SETTLE = 1_500;

/** The open chat. `settle` has to run after each drawing. */
export function createPanel(chat: Chat, close: () => void): { view: () => VNode; settle: () => void; stop: () => void } {
  const { config, conversation, connection, teammates } = chat.state;
  const guard = new CompositionGuard();
  const thread = createThread(chat);
  const composer = createComposer(chat, guard);
  /** Depth of elements a dragged file is over. */
  const dragging = signal(0);
  const troubled = signal(false);
  let panel: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Keeps a full-screen panel above the on-screen keyboard: CSS reads the visible part of the page. */
  function measure(): void {
    const view = window.visualViewport;
    panel?.style.setProperty('--view-height', view ? `${view.height}px` : null);
    panel?.style.setProperty('--view-top', view ? `${view.offsetTop}px` : null);
  }
  const stops = [
    ...(window.visualViewport ? [listenTo(window.visualViewport, 'resize', measure), listenTo(window.visualViewport, 'scroll', measure)] : []),
    effect(() => {
      if (/off|con/.test(connection.value)) timer ??= setTimeout(() => (troubled.value = true), SETTLE);
      else {
        clearTimeout(timer);
        timer = undefined;
        troubled.value = false;
      }
    }),
  ];

  function hold(element: HTMLElement | null): void {
    panel = element;
    measure();
    // On touch screens focus in the text would cover the thread with the keyboard before anything was read.
    const target = matchMedia('(pointer: coarse)').matches ? '[data-testid=close]' : 'textarea';
    element?.querySelector<HTMLElement>(target)?.focus({ preventScroll: true });
  }

  const onDrag = (step: number) => (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    dragging.value += step;
  };

  function onDrop(event: DragEvent): void {
    dragging.value = 0;
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    chat.addFiles(event.dataTransfer.files);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || guard.holds(event)) return;
    event.preventDefault();
    close();
  }

  const view = (): VNode => {
    const title = config.value?.title[locale.value] || t('thread');
    const name = conversation.value?.status === 'open' && conversation.value.assignee_name;
    const online = teammates.value !== null && teammates.value > 0;
    return (
      <div
        ref={hold}
        class="panel"
        role="dialog"
        aria-label={title}
        data-testid="panel"
        onKeyDown={onKeyDown}
        onDragEnter={onDrag(1)}
        onDragLeave={onDrag(-1)}
        onDragOver={onDrag(0)}
        onDrop={onDrop}
      >
        <header>
          <div class="grow">
            <h2 class="name">{title}</h2>
            {(name || teammates.value !== null) && (
              <p>
                {online && <i />}
                {name ? t('with', { name }) : t(online ? 'online' : 'away')}
              </p>
            )}
          </div>
          <IconButton name="close" label={t('close')} testid="close" onClick={close} />
        </header>
        {thread.view()}
        <div class="soft connection" role="status" data-testid="connection" data-state={connection.value}>
          {troubled.value && t(connection.value === 'connecting' ? 'connecting' : 'offline')}
        </div>
        {composer.view()}
        {dragging.value > 0 && <div class="drop">{t('drop')}</div>}
      </div>
    );
  };

  return {
    view,
    settle(): void {
      composer.settle();
      thread.settle();
    },
    stop: () => stops.forEach((step) => step()),
  };
}
