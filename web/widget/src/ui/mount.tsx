import { effect } from '../reactive';
import { h, render, type VNode } from 'preact';
import type { Chat } from '../chat';
import { readableOn, safeColor } from '../color';
import { locale, t } from '../locale';
import css from '../styles.css?inline';
import { IconButton } from './button';
import { Icon } from './icons';
import { createPanel } from './panel';

/**
 * Draws the chat in a shadow root of its own, where the page's styles do not reach. One effect draws
 * everything again after a change; what did not change is not touched. Returns the undo.
 */
export function mount(chat: Chat, position: string | undefined): () => void {
  const { config, open, unread, preview } = chat.state;
  const host = document.createElement('fanward-widget');
  const root = host.attachShadow({ mode: 'open' });
  const container = document.createElement('div');
  let launcher: HTMLElement | null = null;
  const panel = createPanel(chat, () => {
    chat.close();
    queueMicrotask(() => launcher?.focus({ preventScroll: true })); // After the drawing that shows it.
  });
  const hold = (element: HTMLElement | null): void => {
    launcher = element;
  };

  const launcherView = (): VNode => {
    const count = open.value ? 0 : unread();
    const label = t(open.value ? 'close' : 'open');
    return (
      <button
        ref={hold}
        type="button"
        class="launcher"
        data-testid="launcher"
        aria-label={count ? `${label} (${t('unread', { count })})` : label}
        aria-expanded={open.value}
        onClick={open.value ? chat.close : chat.open}
      >
        <Icon name={open.value ? 'down' : 'chat'} />
        {count > 0 && (
          <span class="badge" data-testid="badge">
            {count > 99 ? '99+' : count}
          </span>
        )}
      </button>
    );
  };

  const previewView = (): VNode | null => {
    const message = preview();
    return (
      message && (
        <div class="preview" data-testid="preview" role="status">
          <button type="button" class="grow" onClick={chat.open}>
            <b>{message.author_name ?? t('agent')}</b>
            <span>{message.body || message.attachments[0]?.name}</span>
          </button>
          <IconButton name="close" label={t('dismiss')} testid="dismiss-preview" onClick={chat.putPreviewAway} />
        </div>
      )
    );
  };

  addStyles(root);
  root.append(container);
  document.body.append(host);
  // What is typed here must not set off the page's own shortcuts.
  for (const type of ['keydown', 'keyup', 'keypress']) container.addEventListener(type, (event) => event.stopPropagation());
  const stop = effect(() => {
    if (!config.value) return;
    const accent = safeColor(config.value.color);
    container.lang = locale.value;
    container.className = `root ${position ?? config.value.position} ${open.value ? 'open' : ''}`;
    container.style.setProperty('--accent', accent);
    container.style.setProperty('--on-accent', readableOn(accent));
    render([open.value && panel.view(), previewView(), launcherView()] as never, container);
    panel.settle();
  });
  return () => {
    stop();
    panel.stop();
    render(null, container);
    host.remove();
  };
}

/** A constructed sheet passes the strictest content policy of the page; older browsers get a style element. */
function addStyles(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement('style');
    style.textContent = css;
    root.append(style);
  }
}
