import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Chat } from '../chat';
import { characters } from '../chat';
import { CompositionGuard } from '../ime';
import { errorText, fileSize, t } from '../locale';
import { ClipIcon, CloseIcon, SendIcon } from './icons';

/** Where the visitor writes. */
export function Composer({ chat, guard }: { chat: Chat; guard: CompositionGuard }): JSX.Element {
  const { state } = chat;
  const area = useRef<HTMLTextAreaElement>(null);
  const left = state.limits.value.body - characters(state.draft.value.trim());
  const empty = !state.draft.value.trim() && state.tray.value.length === 0;
  const near = left < Math.max(100, state.limits.value.body / 20);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, 132)}px`;
  }, [state.draft.value]);

  const submit = (): void => {
    chat.send();
    area.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <NoticeLine chat={chat} />
      <Tray chat={chat} />
      {near && (
        <div class={left < 0 ? 'counter over' : 'counter'} role="status" data-testid="counter">
          {left < 0 ? t('characters_over', { count: -left }) : t('characters_left', { count: left })}
        </div>
      )}
      <div class="line">
        <label class="tool" title={t('attach')}>
          <input
            class="hidden"
            type="file"
            multiple
            data-testid="attach"
            aria-label={t('attach')}
            onChange={(event) => {
              chat.addFiles([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = ''; // The same file may be chosen again.
              area.current?.focus();
            }}
          />
          <ClipIcon />
        </label>
        <textarea
          ref={area}
          rows={1}
          data-testid="input"
          placeholder={t('input')}
          aria-label={t('input')}
          value={state.draft.value}
          onInput={(event) => {
            state.draft.value = event.currentTarget.value;
            chat.typed(event.currentTarget.value.trim() !== '');
          }}
          onCompositionStart={() => guard.start()}
          onCompositionEnd={(event) => guard.end(event.timeStamp)}
          onBlur={() => chat.typed(false)}
          onKeyDown={(event) => {
            if (!guard.sends(event)) return;
            event.preventDefault();
            submit();
          }}
          onPaste={(event) => {
            const data = event.clipboardData;
            // Office programs offer a picture of every copied text; the text is what was meant.
            if (!data || data.files.length === 0 || data.types.includes('text/plain')) return;
            event.preventDefault();
            chat.addFiles([...data.files]);
          }}
        />
        <button type="submit" class="tool send" data-testid="send" title={t('send')} aria-label={t('send')} disabled={empty || left < 0}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

function NoticeLine({ chat }: { chat: Chat }): JSX.Element | null {
  const notice = chat.state.notice.value;
  if (!notice) return null;
  const { max } = notice.params;
  const params = notice.code === 'file_too_large' && typeof max === 'number' ? { ...notice.params, max: fileSize(max) } : notice.params;
  return (
    <div class="notice" role="alert" data-testid="notice" data-code={notice.code}>
      <span>{errorText(notice.code, params)}</span>
      <button type="button" aria-label={t('dismiss')} title={t('dismiss')} onClick={() => (chat.state.notice.value = null)}>
        <CloseIcon />
      </button>
    </div>
  );
}

function Tray({ chat }: { chat: Chat }): JSX.Element | null {
  const { tray } = chat.state;
  if (tray.value.length === 0) return null;
  return (
    <ul class="tray">
      {tray.value.map((file, index) => (
        <li data-testid="tray-file">
          <span class="file-name">{file.name}</span>
          <span class="file-size">{fileSize(file.size)}</span>
          <button type="button" aria-label={t('remove_file', { name: file.name })} title={t('remove_file', { name: file.name })} onClick={() => (tray.value = tray.value.filter((_, at) => at !== index))}>
            <CloseIcon />
          </button>
        </li>
      ))}
    </ul>
  );
}
