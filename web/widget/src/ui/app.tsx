import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { Chat } from '../chat';
import { readableOn, safeColor } from '../color';
import { t } from '../locale';
import { ChatIcon, CloseIcon, DownIcon } from './icons';
import { Panel } from './panel';

/** Everything the widget draws: launcher, preview of a new message, panel. */
export function App({ chat, position }: { chat: Chat; position: 'left' | 'right' | null }): JSX.Element | null {
  const launcher = useRef<HTMLButtonElement>(null);
  const config = chat.state.config.value;
  if (!config) return null;
  const accent = safeColor(config.color);
  const open = chat.state.open.value;
  const close = (): void => {
    chat.close();
    launcher.current?.focus({ preventScroll: true });
  };
  return (
    <div class={`root ${position ?? config.position} ${open ? 'is-open' : ''}`} style={{ '--accent': accent, '--on-accent': readableOn(accent) }} ref={isolateKeys}>
      {open && <Panel chat={chat} onClose={close} />}
      <Preview chat={chat} />
      <button
        ref={launcher}
        type="button"
        class="launcher"
        data-testid="launcher"
        aria-label={launcherLabel(chat)}
        aria-expanded={open}
        onClick={() => (open ? close() : chat.open())}
      >
        {open ? <DownIcon /> : <ChatIcon />}
        <Badge chat={chat} />
      </button>
    </div>
  );
}

function launcherLabel(chat: Chat): string {
  if (chat.state.open.value) return t('close');
  const count = chat.state.unread.value;
  return count > 0 ? `${t('open')}. ${t('unread', { count })}` : t('open');
}

function Badge({ chat }: { chat: Chat }): JSX.Element | null {
  const count = chat.state.unread.value;
  if (count === 0 || chat.state.open.value) return null;
  return (
    <span class="badge" data-testid="badge" aria-hidden="true">
      {count > 99 ? '99+' : count}
    </span>
  );
}

function Preview({ chat }: { chat: Chat }): JSX.Element | null {
  const message = chat.state.preview.value;
  if (!message) return null;
  const file = message.attachments[0];
  return (
    <div class="preview" data-testid="preview" role="status">
      <button type="button" class="preview-text" onClick={() => chat.open()}>
        <strong>{message.author_name ?? t('agent')}</strong>
        <span>{message.body || file?.name || t('preview')}</span>
      </button>
      <button type="button" class="tool" data-testid="dismiss-preview" aria-label={t('dismiss')} title={t('dismiss')} onClick={() => chat.putPreviewAway()}>
        <CloseIcon />
      </button>
    </div>
  );
}

/** What is typed here must not set off the page's own shortcuts. */
function isolateKeys(element: HTMLElement | null): void {
  for (const type of ['keydown', 'keyup', 'keypress']) element?.addEventListener(type, (event) => event.stopPropagation());
}
