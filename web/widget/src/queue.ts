import { signal } from '@preact/signals';
import { asCoded, CodedError, isTemporary } from './errors';
import { holdLock, lockIsHeld, withLock } from './locks';
import type { Attachment, Message } from './protocol';
import type { AccountStorage } from './storage';
import { last } from './thread';

/** Most messages that wait to be sent. */
export const QUEUE_LIMIT = 50;

/** Without Web Locks a tab cannot be asked whether it lives; its unfinished uploads count as lost after this. */
const ORPHAN_AGE = 600_000;
const INTERNAL_TRIES = 5;

export interface QueuedFile {
  name: string;
  size: number;
  type: string;
  /** Id of the uploaded file; null while the bytes are only in the tab that chose it. */
  id: string | null;
}

export interface QueuedMessage {
  /** Made once per message; the server stores a message once per key. */
  client_key: string;
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
  send(clientKey: string, body: string, attachmentIds: string[]): Promise<Message>;
  upload(file: File): Promise<Attachment>;
}

/**
 * Messages on their way to the server. They live in the browser's storage, one entry each, so that tabs add and remove
 * without overwriting each other, and a closed tab loses nothing but the bytes of files not uploaded yet.
 * One tab at a time sends them, in order, one in flight.
 */
export class SendQueue {
  readonly items = signal<readonly QueuedMessage[]>([]);
  private readonly storage: AccountStorage;
  private readonly transport: Transport;
  private readonly lock: string;
  private readonly tab: string;
  private readonly releaseTab: () => void;
  private readonly bytes = new Map<string, File[]>();
  private readonly tries = new Map<string, number>();
  private draining = false;
  private again = false;
  private closed = false;
  private wake: (() => void) | null = null;
  /** Called with what the server stored, before the entry leaves the queue. */
  onSent: (message: Message) => void = () => undefined;

  constructor(account: string, storage: AccountStorage, transport: Transport) {
    this.storage = storage;
    this.transport = transport;
    this.tab = randomKey();
    this.lock = `fanward:${account}:queue`;
    this.releaseTab = holdLock(this.tabLock(this.tab));
    this.refresh();
  }

  /** Adds a message and starts sending; null when the queue is full. */
  add(body: string, files: File[]): QueuedMessage | null {
    this.refresh();
    if (this.items.value.length >= QUEUE_LIMIT) return null;
    const newest = last(this.items.value);
    const item: QueuedMessage = {
      client_key: randomKey(),
      order: (newest?.order ?? 0) + 1,
      body,
      files: files.map((file) => ({ name: file.name, size: file.size, type: file.type, id: null })),
      at: Date.now(),
      tab: this.tab,
      failure: null,
    };
    if (files.length > 0) this.bytes.set(item.client_key, files);
    this.save(item);
    this.drain();
    return item;
  }

  /** Bytes of a waiting file, when this tab has them. */
  file(item: QueuedMessage, index: number): File | undefined {
    return this.bytes.get(item.client_key)?.[index];
  }

  /** Whether sending again needs the visitor to choose the files again. */
  needsFiles(item: QueuedMessage): boolean {
    return item.files.some((file, index) => !file.id && !this.file(item, index));
  }

  /** Sends a failed message again, with its files chosen anew when their bytes are gone. */
  retry(clientKey: string, files?: File[]): void {
    const item = this.find(clientKey);
    if (!item) return;
    const fresh = files?.length ? files : null;
    if (fresh) this.bytes.set(clientKey, fresh);
    this.tries.delete(clientKey);
    this.save({
      ...item,
      failure: null,
      tab: this.tab,
      files: fresh ? fresh.map((file) => ({ name: file.name, size: file.size, type: file.type, id: null })) : item.files,
    });
    this.drain();
  }

  /** Takes a message out: it was stored, or the visitor gave it up. */
  remove(clientKey: string): void {
    this.bytes.delete(clientKey);
    this.tries.delete(clientKey);
    this.storage.remove(`q:${clientKey}`);
    this.refresh();
  }

  fail(clientKey: string, error: CodedError): void {
    const item = this.find(clientKey);
    if (item) this.save({ ...item, failure: { code: error.code, params: error.params } });
  }

  /** Forgets everything that waits. */
  clear(): void {
    for (const item of this.items.value) this.remove(item.client_key);
  }

  /** Reads the queue again after another tab changed it. */
  refresh(): void {
    const items: QueuedMessage[] = [];
    for (const name of this.storage.names('q:')) {
      const item = this.storage.getJSON<QueuedMessage>(name);
      if (item && Array.isArray(item.files)) items.push(item);
    }
    items.sort((a, b) => a.order - b.order || (a.client_key < b.client_key ? -1 : 1));
    this.items.value = items;
  }

  /** Marks what would be lost with this page; call when it ends for good. */
  abandon(): void {
    for (const item of this.items.value) {
      if (item.tab === this.tab && !item.failure && item.files.some((file) => !file.id)) this.fail(item.client_key, new CodedError('file_lost'));
    }
  }

  close(): void {
    this.closed = true;
    this.wake?.();
    this.releaseTab();
  }

  /** Starts sending whatever waits; harmless to call at any time. */
  drain(): void {
    this.wake?.();
    if (this.draining) {
      this.again = true;
      return;
    }
    if (!this.canSend()) return;
    this.draining = true;
    void withLock(this.lock, () => this.run())
      .catch(() => undefined)
      .finally(() => {
        this.draining = false;
        if (this.again) {
          this.again = false;
          this.drain();
        }
      });
  }

  private canSend(): boolean {
    return !this.closed && this.transport.ready() && this.items.value.some((item) => !item.failure);
  }

  private async run(): Promise<void> {
    for (let delay = 1000; ; ) {
      this.refresh();
      if (!this.canSend()) return;
      const item = this.items.value.find((candidate) => !candidate.failure);
      if (!item || (await this.belongsElsewhere(item))) return;
      if (this.find(item.client_key)?.failure) continue;
      try {
        await this.sendOne(item);
        delay = 1000;
      } catch (error) {
        const coded = asCoded(error);
        if (!this.mayRepeat(item, coded)) {
          this.fail(item.client_key, coded);
          continue;
        }
        if (!this.transport.ready()) return;
        await this.pause(coded.retryAfter ? coded.retryAfter * 1000 : delay);
        delay = Math.min(delay * 2, 30_000);
      }
    }
  }

  private async sendOne(item: QueuedMessage): Promise<void> {
    let current = item;
    for (let i = 0; i < current.files.length; i++) {
      if (current.files[i]?.id) continue;
      const file = this.file(item, i);
      if (!file) throw new CodedError('file_lost');
      const uploaded = await this.transport.upload(file);
      if (!this.find(item.client_key)) return; // Given up while it was uploading.
      current = { ...current, files: current.files.map((entry, at) => (at === i ? { ...entry, id: uploaded.id } : entry)) };
      this.save(current);
    }
    const ids = current.files.map((file) => file.id).filter((id) => id !== null);
    const message = await this.transport.send(item.client_key, item.body, ids);
    if (!this.find(item.client_key)) return; // Already seen as stored, or the visitor was forgotten meanwhile.
    this.onSent(message);
    this.remove(item.client_key);
  }

  /** True when another living tab holds the bytes and has to send this one; an orphan is marked as failed. */
  private async belongsElsewhere(item: QueuedMessage): Promise<boolean> {
    if (item.tab === this.tab || item.files.every((file) => file.id)) return false;
    const alive = (await lockIsHeld(this.tabLock(item.tab))) ?? Date.now() - item.at < ORPHAN_AGE;
    if (!alive) this.fail(item.client_key, new CodedError('file_lost'));
    return alive;
  }

  private mayRepeat(item: QueuedMessage, error: CodedError): boolean {
    if (!isTemporary(error)) return false;
    if (error.code !== 'internal') return true;
    const tries = (this.tries.get(item.client_key) ?? 0) + 1;
    this.tries.set(item.client_key, tries);
    return tries < INTERNAL_TRIES;
  }

  /** Waits before a repeat; losing the connection ends the wait. */
  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      this.wake = () => {
        if (this.closed || !this.transport.ready()) finish();
      };
    });
  }

  private find(clientKey: string): QueuedMessage | undefined {
    return this.items.value.find((item) => item.client_key === clientKey);
  }

  private save(item: QueuedMessage): void {
    this.storage.setJSON(`q:${item.client_key}`, item);
    this.refresh();
  }

  private tabLock(tab: string): string {
    return `fanward:tab:${tab}`;
  }
}

/** 128 random bits as hex. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
