import { signal } from './reactive';
import { CodedError, isTemporary } from './errors';
import type { Attachment, Message } from './protocol';
import type { AccountStorage } from './storage';
import { last } from './thread';

/** Most messages that wait to be sent. */
export const QUEUE_LIMIT = 50;

/** Without Web Locks a tab cannot be asked whether it lives; its unfinished uploads count as lost after this. */
const ORPHAN_AGE = 600_000;

export interface QueuedFile {
  name: string;
  size: number;
  type: string;
  /** Id of the uploaded file; null while the bytes are only in the tab that chose it. */
  id: string | null;
}

export interface QueuedMessage {
  /** Made once per message; the server stores a message once per key. */
  key: string;
  /** Place in the queue; equal numbers of two tabs are ordered by key. */
  order: number;
  body: string;
  files: QueuedFile[];
  /** When it was written, milliseconds. */
  at: number;
  /** Tab that holds the bytes of its files. */
  tab: string;
  failure: { code: string; params: Record<string, unknown> } | null;
}

/** What carries messages to the server; both calls reject with a CodedError. */
export interface Transport {
  ready(): boolean;
  send(key: string, body: string, attachmentIds: string[]): Promise<Message>;
  upload(file: File): Promise<Attachment>;
  /** Told what the server stored, before the entry leaves the queue. */
  sent(message: Message): void;
  /** Told why a message waits although the server can be reached. */
  delayed(code: string): void;
}

export type SendQueue = ReturnType<typeof createQueue>;

/**
 * Messages on their way to the server. They live in the browser's storage, one entry each, so that tabs add and remove
 * without overwriting each other, and a closed tab loses nothing but the bytes of files not uploaded yet.
 * One tab at a time sends them, in order, one in flight.
 */
export function createQueue(account: string, storage: AccountStorage, transport: Transport) {
  const items = signal<readonly QueuedMessage[]>([]);
  const tab = randomKey();
  const bytes = new Map<string, { file: File; url: string }[]>();
  const locks = navigator.locks as LockManager | undefined; // Absent without TLS and in older browsers.
  let draining = false;
  let again = false;
  let closed = false;
  let wake = (): void => undefined;
  let releaseTab = (): void => undefined;
  locks?.request(tabLock(tab), () => new Promise<void>((resolve) => (releaseTab = resolve))).catch(() => undefined);

  const find = (key: string): QueuedMessage | undefined => items.value.find((item) => item.key === key);
  const incomplete = (item: QueuedMessage): boolean => item.files.some((file) => !file.id);
  const next = (): QueuedMessage | undefined => items.value.find((item) => !item.failure);

  /** Reads the queue again after another tab changed it. */
  function refresh(): void {
    items.value = storage
      .names('q:')
      .map((name) => storage.get<QueuedMessage>(name))
      .filter((item) => item !== null)
      .sort((a, b) => a.order - b.order || (a.key < b.key ? -1 : 1));
  }

  function save(item: QueuedMessage): void {
    storage.set(`q:${item.key}`, item);
    refresh();
  }

  function fail(key: string, { code, params }: CodedError): void {
    const item = find(key);
    if (!item) return;
    // What the server has swept is uploaded again with the next try.
    const files = code === 'attachment_unknown' ? item.files.map((file) => ({ ...file, id: null })) : item.files;
    save({ ...item, files, failure: { code, params } });
  }

  /** Takes a message out: it was stored, or the visitor gave it up. */
  function remove(key: string): void {
    dropBytes(key);
    storage.remove(`q:${key}`);
    refresh();
  }

  function dropBytes(key: string): void {
    bytes.get(key)?.forEach(({ url }) => URL.revokeObjectURL(url));
    bytes.delete(key);
  }

  function keepBytes(key: string, files: readonly File[]): QueuedFile[] {
    dropBytes(key);
    bytes.set(
      key,
      files.map((file) => ({ file, url: URL.createObjectURL(file) })),
    );
    return files.map(({ name, size, type }) => ({ name, size, type, id: null }));
  }

  /** Starts sending whatever waits; harmless to call at any time. */
  function drain(): void {
    wake();
    again = draining;
    if (draining || closed || !transport.ready() || !next()) return;
    draining = true;
    // Without locks tabs may send the same message; the server stores it once.
    void (locks ? locks.request(`fanward:${account}:queue`, run) : run()).finally(() => {
      draining = false;
      if (again) drain();
    });
  }

  async function run(): Promise<void> {
    for (let delay = 1000; ; ) {
      refresh();
      const item = next();
      if (!item || closed || !transport.ready() || (await belongsElsewhere(item))) return;
      try {
        await sendOne(item);
        delay = 1000;
      } catch (error) {
        const coded = error instanceof CodedError ? error : new CodedError('internal');
        if (!isTemporary(coded)) fail(item.key, coded);
        else {
          transport.delayed(coded.code);
          await pause(coded.wait * 1000 || delay);
          delay = Math.min(delay * 2, 30_000);
        }
      }
    }
  }

  async function sendOne(item: QueuedMessage): Promise<void> {
    const files = [...item.files];
    for (const [index, entry] of files.entries()) {
      if (entry.id) continue;
      const file = bytes.get(item.key)?.[index]?.file;
      if (!file) throw new CodedError('file_lost');
      const { id } = await transport.upload(file);
      if (!find(item.key)) return; // Given up while it was uploading.
      files[index] = { ...entry, id };
      save({ ...item, files: [...files] });
    }
    const message = await transport.send(
      item.key,
      item.body,
      files.flatMap(({ id }) => id ?? []),
    );
    if (!find(item.key)) return; // Already seen as stored, or the visitor was forgotten meanwhile.
    transport.sent(message);
    remove(item.key);
  }

  /** True when another living tab holds the bytes and has to send this one; an orphan fails as soon as it is tried. */
  async function belongsElsewhere(item: QueuedMessage): Promise<boolean> {
    if (item.tab === tab || !incomplete(item)) return false;
    if (!locks) return Date.now() - item.at < ORPHAN_AGE;
    return ((await locks.query()).held ?? []).some(({ name }) => name === tabLock(item.tab));
  }

  /** Waits before a repeat; losing the connection ends the wait. */
  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        if (transport.ready() && !closed) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  }

  refresh();
  return {
    items,
    refresh,
    remove,
    fail,
    drain,

    /** Adds a message and starts sending; false when the queue is full. */
    add(body: string, files: readonly File[]): boolean {
      refresh();
      if (items.value.length >= QUEUE_LIMIT) return false;
      const key = randomKey();
      save({ key, order: (last(items.value)?.order ?? 0) + 1, body, files: keepBytes(key, files), at: Date.now(), tab, failure: null });
      drain();
      return true;
    },

    /** Address of a waiting file's bytes, when this tab has them. */
    preview: (key: string, index: number) => bytes.get(key)?.[index]?.url,

    /** Whether sending again needs the visitor to choose the files again. */
    needsFiles: (item: QueuedMessage) => incomplete(item) && !bytes.has(item.key),

    /** Sends a failed message again, with its files chosen anew when their bytes are gone. */
    retry(key: string, files: readonly File[] = []): void {
      const item = find(key);
      if (!item) return;
      save({ ...item, failure: null, tab, files: files.length > 0 ? keepBytes(key, files) : item.files });
      drain();
    },

    /** Forgets everything that waits. */
    clear(): void {
      items.value.forEach(({ key }) => remove(key));
    },

    close(): void {
      closed = true;
      wake();
      releaseTab();
    },
  };
}

function tabLock(tab: string): string {
  return `fanward:tab:${tab}`;
}

/** 128 random bits as hex. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
