import type { Connection } from './connection';
import type { SendQueue } from './queue';
import type { State } from './state';
import type { AccountStorage } from './storage';

const TYPING_REPEAT = 4_000;

/** What the visitor is writing: draft, chosen files, typing and what is wrong with them. */
export function createComposition(state: State, storage: AccountStorage, connection: Connection, queue: SendQueue) {
  const { draft, tray, limits } = state;
  let kept = storage.get<string>('draft') ?? '';
  let typingSaid = 0;
  draft.value = kept;

  const body = (): string => draft.value.trim();

  /** Tells the teammates that the visitor is writing, or has stopped. */
  function typed(writing: boolean): void {
    const now = Date.now();
    if (writing ? now - typingSaid < TYPING_REPEAT : !typingSaid) return;
    typingSaid = writing ? now : 0;
    connection.send({ t: 'typing', on: writing });
  }

  function notice(code: string, params: Record<string, unknown> = {}): void {
    state.notice.value = { code, params };
  }

  /** Forgets what was being written. */
  function drop(): void {
    draft.value = '';
    tray.value = [];
    state.notice.value = null;
  }

  return {
    typed,
    notice,
    drop,

    /** The socket is gone, and with it what it was told. */
    interrupted(): void {
      typingSaid = 0;
    },

    /** Stores the draft after a change; run it as an effect. */
    keepDraft(): void {
      if (draft.value === kept) return;
      kept = draft.value;
      storage.set('draft', kept);
    },

    sendable: () => (body() !== '' || tray.value.length > 0) && characters(body()) <= limits.value.body,

    /** Puts what is sendable on its way; a full queue is told as a notice and changes nothing. */
    send(): void {
      if (!queue.add(body(), tray.value)) return notice('queue_full');
      drop();
      typed(false);
    },

    /** Chooses files for the next message, as far as the account's limits allow. */
    addFiles(files: Iterable<File>): void {
      const { file_bytes, files: most } = limits.value;
      const chosen = [...tray.value];
      state.notice.value = null;
      for (const file of files) {
        if (file.size > file_bytes) notice('file_too_large', { name: file.name, max: file_bytes });
        else if (file.size === 0) notice('file_empty', { name: file.name });
        else if (chosen.length >= most) notice('too_many_files', { max: most });
        else chosen.push(file);
      }
      tray.value = chosen;
    },
  };
}

/** Length as the server counts it: Unicode code points. */
export function characters(text: string): number {
  return [...text].length;
}
