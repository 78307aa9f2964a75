import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CodedError, UNREACHABLE } from '../src/errors';
import type { Message } from '../src/protocol';
import { createQueue, QUEUE_LIMIT, type SendQueue } from '../src/queue';
import { createStorage } from '../src/storage';

/** A server that stores by key, for queues of several tabs. */
class FakeTransport {
  online = true;
  stored: string[] = [];
  keys = new Set<string>();
  inFlight = 0;
  mostInFlight = 0;
  failures: CodedError[] = [];
  hold: Promise<void> | null = null;
  uploads: string[] = [];
  delays: string[] = [];

  ready = (): boolean => this.online;
  sent = (): void => undefined;
  delayed = (code: string): void => void this.delays.push(code);
  upload = async (file: File) => {
    await this.hold;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.uploads.push(file.name);
    return { id: `id-${file.name}`, name: file.name, content_type: file.type, size: file.size, width: null, height: null, url: '/f' };
  };
  send = async (key: string, body: string, ids: string[]): Promise<Message> => {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await this.hold;
    this.inFlight--;
    const failure = this.failures.shift();
    if (failure) throw failure;
    if (!this.keys.has(key)) this.stored.push([body, ...ids].join('+'));
    this.keys.add(key);
    return { conversation_id: '1', seq: this.stored.length, direction: 'in', author_name: null, body, attachments: [], client_key: key, created_at: '' };
  };
}

let transport: FakeTransport;
let queue: SendQueue;
const open: SendQueue[] = [];

function tab(account = 'tea'): SendQueue {
  const made = createQueue(account, createStorage(account), transport);
  open.push(made);
  return made;
}
const states = (of: SendQueue): string[] => of.items.value.map(({ body, failure }) => `${body}:${failure?.code ?? 'waiting'}`);

beforeEach(() => {
  localStorage.clear();
  URL.createObjectURL = () => 'blob:x';
  URL.revokeObjectURL = () => undefined;
  transport = new FakeTransport();
  queue = tab();
});
afterEach(() => {
  open.splice(0).forEach((one) => one.close());
  vi.useRealTimers();
});

describe('send queue', () => {
  it('sends in order, one in flight, and forgets what is stored', async () => {
    for (const body of ['a', 'b', 'c']) queue.add(body, []);
    await vi.waitFor(() => expect(queue.items.value).toEqual([]));
    expect(transport.stored).toEqual(['a', 'b', 'c']);
    expect(transport.mostInFlight).toBe(1);
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it('keeps messages and their keys over a reload', async () => {
    transport.online = false;
    queue.add('a', []);
    queue.add('b', []);
    const keys = queue.items.value.map(({ key }) => key);
    queue.close();
    const reloaded = tab();
    expect(reloaded.items.value.map(({ key }) => key)).toEqual(keys);
    transport.online = true;
    reloaded.drain();
    await vi.waitFor(() => expect(transport.stored).toEqual(['a', 'b']));
    expect([...transport.keys]).toEqual(keys);
  });

  it('repeats with the same key when no answer came', async () => {
    vi.useFakeTimers();
    transport.failures = [new CodedError(UNREACHABLE)];
    queue.add('a', []);
    const key = queue.items.value[0]?.key;
    await vi.advanceTimersByTimeAsync(1000);
    expect(transport.stored).toEqual(['a']);
    expect([...transport.keys]).toEqual([key]);
  });

  it('waits as long as a rate limit says, and says so', async () => {
    vi.useFakeTimers();
    transport.failures = [new CodedError('rate_limited', {}, 7)];
    queue.add('a', []);
    await vi.advanceTimersByTimeAsync(6999);
    expect(transport.stored).toEqual([]);
    expect(transport.delays).toEqual(['rate_limited']);
    await vi.advanceTimersByTimeAsync(1);
    expect(transport.stored).toEqual(['a']);
  });

  it('shows a refusal, goes on with the next, and sends again when asked', async () => {
    transport.failures = [new CodedError('body_too_long', { max: 5 })];
    queue.add('long', []);
    queue.add('next', []);
    await vi.waitFor(() => expect(transport.stored).toEqual(['next']));
    expect(queue.items.value[0]?.failure).toEqual({ code: 'body_too_long', params: { max: 5 } });
    queue.retry(queue.items.value[0]?.key ?? '');
    await vi.waitFor(() => expect(transport.stored).toEqual(['next', 'long']));
  });

  it('is bounded', () => {
    transport.online = false;
    for (let i = 0; i < QUEUE_LIMIT; i++) expect(queue.add(String(i), [])).toBe(true);
    expect(queue.add('one more', [])).toBe(false);
    expect(queue.items.value).toHaveLength(QUEUE_LIMIT);
  });

  it('uploads files before the message, again after an interruption, each once', async () => {
    vi.useFakeTimers();
    const files = [new File(['1'], 'one.txt'), new File(['2'], 'two.txt')];
    transport.failures = [new CodedError(UNREACHABLE)];
    queue.add('with files', files);
    await vi.advanceTimersByTimeAsync(1000);
    expect(transport.uploads).toEqual(['one.txt', 'two.txt']);
    expect(transport.stored).toEqual(['with files+id-one.txt+id-two.txt']);
  });

  it('shows a file whose bytes were lost with the page, and takes it again', async () => {
    transport.online = false;
    queue.add('see', [new File(['1'], 'one.txt')]);
    queue.add('after', []);
    const [item] = queue.items.value;
    // As long ago as a tab that cannot be asked is believed to live.
    localStorage.setItem(`fanward:tea:q:${item?.key}`, JSON.stringify({ ...item, at: Date.now() - 600_000 }));
    queue.close();
    transport.online = true;
    const reloaded = tab();
    reloaded.drain();
    await vi.waitFor(() => expect(transport.stored).toEqual(['after']));
    expect(states(reloaded)).toEqual(['see:file_lost']);
    const lost = reloaded.items.value[0];
    expect(lost && reloaded.needsFiles(lost)).toBe(true);
    reloaded.retry(lost?.key ?? '', [new File(['1'], 'again.txt')]);
    await vi.waitFor(() => expect(transport.stored).toEqual(['after', 'see+id-again.txt']));
  });

  it('uploads again what the server has swept', async () => {
    queue.add('late', [new File(['1'], 'one.txt')]);
    transport.hold = Promise.resolve();
    transport.send = vi.fn(transport.send).mockRejectedValueOnce(new CodedError('attachment_unknown'));
    await vi.waitFor(() => expect(states(queue)).toEqual(['late:attachment_unknown']));
    queue.retry(queue.items.value[0]?.key ?? '');
    await vi.waitFor(() => expect(transport.stored).toEqual(['late+id-one.txt']));
    expect(transport.uploads).toEqual(['one.txt', 'one.txt']);
  });

  it('leaves files to the tab that holds their bytes', async () => {
    transport.online = false;
    queue.add('mine', [new File(['1'], 'one.txt')]);
    const other = tab();
    transport.online = true;
    other.drain();
    await Promise.resolve();
    expect(transport.uploads).toEqual([]);
    expect(states(other)).toEqual(['mine:waiting']);
    queue.drain();
    await vi.waitFor(() => expect(transport.stored).toEqual(['mine+id-one.txt']));
  });

  it('is stored once and in order when two tabs without locks send it at the same time', async () => {
    transport.online = false;
    queue.add('a', []);
    const other = tab();
    other.add('b', []);
    queue.refresh();
    transport.online = true;
    queue.drain();
    other.drain();
    await vi.waitFor(() => expect(Object.keys(localStorage)).toEqual([]));
    expect(transport.stored).toEqual(['a', 'b']);
  });

  it('does not show what was stored after the visitor was forgotten', async () => {
    let release = (): void => undefined;
    transport.hold = new Promise((resolve) => (release = resolve));
    const sent = vi.spyOn(transport, 'sent');
    queue.add('secret', []);
    await vi.waitFor(() => expect(transport.inFlight).toBe(1));
    queue.clear();
    release();
    await vi.waitFor(() => expect(transport.stored).toEqual(['secret']));
    expect(sent).not.toHaveBeenCalled();
    expect(queue.items.value).toEqual([]);
  });

  it('keeps accounts apart', () => {
    transport.online = false;
    queue.add('a', []);
    expect(tab('coffee').items.value).toEqual([]);
  });
});

describe('storage', () => {
  it('works for the page when the browser blocks it', () => {
    const blocked = { getItem: () => fail(), setItem: () => fail(), removeItem: () => fail() } as unknown as Storage;
    const fail = (): never => {
      throw new DOMException('blocked', 'SecurityError');
    };
    const storage = createStorage('tea', blocked);
    storage.set('q:1', { a: 1 });
    expect(storage.get('q:1')).toEqual({ a: 1 });
    expect(storage.names('q:')).toEqual(['q:1']);
    storage.remove('q:1');
    expect(storage.get('q:1')).toBeNull();
  });

  it('hears only its own account from other tabs', () => {
    const heard: (string | null)[] = [];
    const stop = createStorage('tea').listen((name) => heard.push(name));
    for (const key of ['fanward:tea:visitor', 'fanward:coffee:visitor', 'other', null]) window.dispatchEvent(new StorageEvent('storage', { key }));
    stop();
    window.dispatchEvent(new StorageEvent('storage', { key: 'fanward:tea:visitor' }));
    expect(heard).toEqual(['visitor', null]);
  });

  it('survives entries that are no JSON', () => {
    localStorage.setItem('fanward:tea:q:bad', '{');
    expect(createStorage('tea').get('q:bad')).toBeNull();
    expect(tab().items.value).toEqual([]);
  });
});
