import { h, type VNode } from 'preact';
import type { Chat } from '../chat';
import { characters } from '../composition';
import type { CompositionGuard } from '../ime';
import { errorText, fileSize, t } from '../locale';
import { IconButton } from './button';
import { Icon } from './icons';

/** Where the visitor writes. `settle` has to run after each drawing: it fits the height to the text. */
export function createComposer(chat: Chat, guard: CompositionGuard): { view: () => VNode; settle: () => void } {
  const { draft, tray, limits, notice } = chat.state;
  let area: HTMLTextAreaElement | null = null;
  const hold = (element: HTMLTextAreaElement | null): void => {
    area = element;
  };

  function submit(event: Event): void {
    event.preventDefault();
    chat.send();
    area?.focus();
  }

  function settle(): void {
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`; // CSS sets the most.
  }

  const textarea = (): VNode => (
    <textarea
      ref={hold}
      rows={1}
      data-testid="input"
      placeholder={t('input')}
      aria-label={t('input')}
      value={draft.value}
      onInput={({ currentTarget }) => {
        draft.value = currentTarget.value;
        chat.typed(draft.value.trim() !== '');
      }}
      onCompositionStart={() => guard.start()}
      onCompositionEnd={({ timeStamp }) => guard.end(timeStamp)}
      onBlur={() => chat.typed(false)}
      onKeyDown={(event) => guard.sends(event) && submit(event)}
      onPaste={(event) => {
        const data = event.clipboardData;
        // Office programs offer a picture of every copied text; the text is what was meant.
        if (!data?.files.length || data.types.includes('text/plain')) return;
        event.preventDefault();
        chat.addFiles(data.files);
      }}
    />
  );

  const view = (): VNode => {
    const { body } = limits.value;
    const left = body - characters(draft.value.trim());
    const max = notice.value?.params['max'];
    return (
      <form class="composer" onSubmit={submit}>
        {notice.value && (
          <div class="entry danger" role="alert" data-testid="notice" data-code={notice.value.code}>
            <span class="grow">{errorText(notice.value.code, { ...notice.value.params, ...(notice.value.code === 'file_too_large' && { max: fileSize(Number(max)) }) })}</span>
            <IconButton name="close" label={t('dismiss')} onClick={() => (notice.value = null)} />
          </div>
        )}
        {tray.value.map((file) => (
          <div class="entry" data-testid="tray-file">
            <span class="name grow">{file.name}</span>
            <span class="soft">{fileSize(file.size)}</span>
            <IconButton name="close" label={t('remove_file', { name: file.name })} onClick={() => (tray.value = tray.value.filter((other) => other !== file))} />
          </div>
        ))}
        {left < Math.max(100, body / 20) && (
          <div class={`soft ${left < 0 ? 'danger' : ''}`} role="status" data-testid="counter">
            {t(left < 0 ? 'characters_over' : 'characters_left', { count: Math.abs(left) })}
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
              onChange={({ currentTarget }) => {
                chat.addFiles([...(currentTarget.files ?? [])]);
                currentTarget.value = ''; // The same file may be chosen again.
                area?.focus();
              }}
            />
            <Icon name="clip" />
          </label>
          {textarea()}
          <button type="submit" class="tool send" data-testid="send" title={t('send')} aria-label={t('send')} disabled={left < 0 || (left === body && tray.value.length === 0)}>
            <Icon name="send" />
          </button>
        </div>
      </form>
    );
  };
  return { view, settle };
}
