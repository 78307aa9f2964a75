import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Chat } from '../chat';
import { CompositionGuard } from '../ime';
import { locale, t } from '../locale';
import { Composer } from './composer';
import { CloseIcon } from './icons';
import { Thread } from './thread';
import { useViewport } from './viewport';

/** A connection that comes back sooner than this is not worth a word. */
const SETTLE = 1_500;

/** The open chat. */
export function Panel({ chat, onClose }: { chat: Chat; onClose: () => void }): JSX.Element {
  const guard = useMemo(() => new CompositionGuard(), []);
  const dragging = useSignal(0);
  const panel = useRef<HTMLDivElement>(null);
  useViewport(panel);
  useEffect(() => {
    // On touch screens focus in the text would cover the thread with the keyboard before anything was read.
    const target = matchMedia('(pointer: coarse)').matches ? '[data-testid=close]' : 'textarea';
    panel.current?.querySelector<HTMLElement>(target)?.focus({ preventScroll: true });
  }, []);
  return (
    <div
      ref={panel}
      class="panel"
      role="dialog"
      aria-label={chat.state.config.value?.title[locale.value] || t('panel')}
      data-testid="panel"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || guard.holds(event)) return;
        event.preventDefault();
        onClose();
      }}
      onDragEnter={(event) => {
        if (hasFiles(event)) dragging.value++;
      }}
      onDragLeave={(event) => {
        if (hasFiles(event)) dragging.value = Math.max(0, dragging.value - 1);
      }}
      onDragOver={(event) => {
        if (hasFiles(event)) event.preventDefault();
      }}
      onDrop={(event) => {
        dragging.value = 0;
        if (!hasFiles(event)) return;
        event.preventDefault();
        chat.addFiles([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <Header chat={chat} onClose={onClose} />
      <Thread chat={chat} />
      <ConnectionLine chat={chat} />
      <Composer chat={chat} guard={guard} />
      {dragging.value > 0 && <div class="drop">{t('drop')}</div>}
    </div>
  );
}

function Header({ chat, onClose }: { chat: Chat; onClose: () => void }): JSX.Element {
  const { config, teammates, conversation } = chat.state;
  const online = teammates.value !== null && teammates.value > 0;
  const assignee = conversation.value?.status === 'open' ? conversation.value.assignee_name : null;
  const line = assignee ? t('with', { name: assignee }) : online ? t('online') : teammates.value === 0 ? t('away') : '';
  return (
    <header>
      <div class="heading">
        <h2>{config.value?.title[locale.value] || t('panel')}</h2>
        {line && (
          <p>
            {online && <i class="dot" />}
            {line}
          </p>
        )}
      </div>
      <button type="button" class="tool" data-testid="close" aria-label={t('close')} title={t('close')} onClick={onClose}>
        <CloseIcon />
      </button>
    </header>
  );
}

/** Says when what is written does not leave the device at once. */
function ConnectionLine({ chat }: { chat: Chat }): JSX.Element {
  const { connection } = chat.state;
  const lasting = useSignal(false);
  const bad = connection.value === 'offline' || connection.value === 'connecting';
  useEffect(() => {
    lasting.value = false;
    if (!bad) return undefined;
    const timer = setTimeout(() => (lasting.value = true), SETTLE);
    return () => clearTimeout(timer);
  }, [bad]);
  return (
    <div class="connection" role="status" data-testid="connection" data-state={connection.value}>
      {bad && lasting.value && t(connection.value === 'offline' ? 'offline' : 'connecting')}
    </div>
  );
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
