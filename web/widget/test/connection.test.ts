import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createConnection, type Connection, type ConnectionHandlers } from '../src/connection';

/** A socket whose other end is the test. */
class FakeSocket {
  static all: FakeSocket[] = [];
  static get newest(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1]!;
  }
  readyState = 0;
  sent: { t: string }[] = [];
  closed: number | null = null;
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: (event: { code: number }) => void = () => undefined;

  constructor() {
    FakeSocket.all.push(this);
  }
  send(data: string): void {
    this.sent.push(JSON.parse(data) as { t: string });
  }
  close(code: number): void {
    this.closed = code;
  }
  open(): void {
    this.readyState = 1;
    this.onopen();
  }
  hear(frame: object): void {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  greet(): void {
    this.open();
    this.hear({ t: 'hello', messages: [] });
  }
  end(code: number): void {
    this.readyState = 3;
    this.onclose({ code });
  }
}

let on: { [K in keyof Omit<ConnectionHandlers, 'url'>]: ReturnType<typeof vi.fn> };
let connection: Connection;
const tried = (): number => FakeSocket.all.length;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.spyOn(Math, 'random').mockReturnValue(0);
  FakeSocket.all = [];
  on = {
    hello: vi.fn(() => ({ t: 'hello', visitor: 'v', after: null })),
    frame: vi.fn(),
    state: vi.fn(),
    behind: vi.fn(),
    refused: vi.fn(() => Promise.resolve()),
    disabled: vi.fn(),
    defect: vi.fn(),
    blocked: vi.fn(),
  };
  connection = createConnection({ url: 'ws://hub', ...on } as unknown as ConnectionHandlers);
  connection.start();
});
afterEach(() => {
  connection.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('connection', () => {
  it('speaks first and is online with the server’s hello', () => {
    FakeSocket.newest.open();
    expect(FakeSocket.newest.sent).toEqual([{ t: 'hello', visitor: 'v', after: null }]);
    expect(connection.state()).toBe('connecting');
    expect(connection.send({ t: 'ping' })).toBe(false);
    FakeSocket.newest.hear({ t: 'hello', messages: [] });
    expect(connection.state()).toBe('online');
    expect(connection.send({ t: 'typing', on: true })).toBe(true);
  });

  /** What follows a close after a connection that was young. */
  it.each([
    [1006, 'waiting', 500],
    [1001, 'waiting', 500],
    [4000, 'waiting', 500],
    [4002, 'waiting', 0],
    [4004, 'waiting', 0],
    [4008, 'waiting', 0],
    [4007, 'waiting', 30_000],
    [1012, 'waiting', 1000],
    [4001, 'stopped', null],
    [4003, 'stopped', null],
    [4006, 'stopped', null],
    [1009, 'stopped', null],
  ] as const)('after %i is %s and comes back after %s ms', (code, state, wait) => {
    FakeSocket.newest.greet();
    FakeSocket.newest.end(code);
    expect(connection.state()).toBe(state);
    if (wait === null) {
      vi.advanceTimersByTime(600_000);
      expect(tried()).toBe(1);
      return;
    }
    if (wait > 0) vi.advanceTimersByTime(wait - 1);
    expect(tried()).toBe(1);
    vi.advanceTimersByTime(wait > 0 ? 1 : 0);
    expect(tried()).toBe(2);
  });

  it.each([
    [4004, 'behind'],
    [4008, 'behind'],
    [4006, 'disabled'],
    [4001, 'defect'],
    [1009, 'defect'],
    [4003, 'defect'],
    [4005, 'refused'],
  ] as const)('after %i tells %s and nothing else', (code, told) => {
    FakeSocket.newest.greet();
    FakeSocket.newest.end(code);
    for (const name of ['behind', 'disabled', 'defect', 'refused', 'blocked'] as const) {
      expect(on[name]).toHaveBeenCalledTimes(name === told ? 1 : 0);
    }
  });

  it('waits as soon as the browser says that there is no network, and comes back by itself', () => {
    const network = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    connection.nudge();
    expect(connection.state()).toBe('connecting');
    FakeSocket.newest.greet();
    connection.nudge();
    expect(connection.state()).toBe('waiting');
    network.mockRestore();
    vi.advanceTimersByTime(500);
    expect(tried()).toBe(2);
    FakeSocket.newest.greet();
    expect(connection.state()).toBe('online');
  });

  it('keeps its position when the server only was too slow for it', () => {
    FakeSocket.newest.greet();
    FakeSocket.newest.end(4002);
    expect(on.behind).not.toHaveBeenCalled();
  });

  it('comes back after a refusal only when there is a new session', async () => {
    let settle = (): void => undefined;
    on.refused.mockReturnValue(new Promise<void>((resolve) => (settle = resolve)));
    FakeSocket.newest.open();
    FakeSocket.newest.end(4005);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(tried()).toBe(1);
    settle();
    await vi.advanceTimersByTimeAsync(500);
    expect(tried()).toBe(2);
  });

  it('asks ever more slowly, up to half a minute, and anew after a good connection', () => {
    const waits: number[] = [];
    const next = (): void => {
      const before = tried();
      let waited = 0;
      for (; tried() === before; waited += 100) vi.advanceTimersByTime(100);
      waits.push(waited);
    };
    for (let i = 0; i < 7; i++) {
      FakeSocket.newest.end(1006);
      next();
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    vi.mocked(Math.random).mockReturnValue(1);
    FakeSocket.newest.end(1006);
    next();
    expect(waits.pop()).toBe(30_000);
    vi.mocked(Math.random).mockReturnValue(0);
    FakeSocket.newest.greet();
    vi.advanceTimersByTime(5000);
    FakeSocket.newest.end(1006);
    next();
    expect(waits.pop()).toBe(500);
  });

  it('does not race a server that keeps saying "at once"', () => {
    for (let i = 0; i < 5; i++) {
      FakeSocket.newest.greet();
      FakeSocket.newest.end(4008);
      vi.advanceTimersByTime(0);
    }
    expect(tried()).toBe(2);
  });

  it('counts a socket without pong as dead', () => {
    FakeSocket.newest.greet();
    vi.advanceTimersByTime(25_000);
    expect(FakeSocket.newest.sent.pop()).toEqual({ t: 'ping' });
    vi.advanceTimersByTime(5000);
    FakeSocket.newest.hear({ t: 'pong' });
    vi.advanceTimersByTime(20_000);
    expect(FakeSocket.newest.sent.pop()).toEqual({ t: 'ping' });
    vi.advanceTimersByTime(9999);
    expect(connection.state()).toBe('online');
    vi.advanceTimersByTime(1);
    expect(connection.state()).toBe('waiting');
    expect(FakeSocket.all[0]?.closed).toBe(1000);
  });

  it('gives up on a server that never says hello', () => {
    FakeSocket.newest.open();
    vi.advanceTimersByTime(10_000);
    expect(connection.state()).toBe('waiting');
  });

  it('tries at once when nudged, but not against a rate limit', () => {
    FakeSocket.newest.end(1006);
    connection.nudge();
    expect(tried()).toBe(2);
    FakeSocket.newest.greet();
    FakeSocket.newest.end(4007);
    connection.nudge();
    expect(tried()).toBe(2);
    vi.advanceTimersByTime(30_000);
    expect(tried()).toBe(3);
  });

  it('proves that a live socket lives when nudged', () => {
    FakeSocket.newest.greet();
    connection.nudge();
    expect(FakeSocket.newest.sent.pop()).toEqual({ t: 'ping' });
  });

  it('calls itself blocked after three sockets that never opened, and goes on trying', () => {
    for (const wait of [500, 1000]) {
      FakeSocket.newest.end(1006);
      vi.advanceTimersByTime(wait);
    }
    expect(on.blocked).not.toHaveBeenCalled();
    FakeSocket.newest.end(1006);
    expect(on.blocked).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(2000);
    expect(tried()).toBe(4);
  });

  it('is not blocked when a socket opened in between', () => {
    FakeSocket.newest.end(1006);
    vi.advanceTimersByTime(500);
    FakeSocket.newest.end(1006);
    vi.advanceTimersByTime(1000);
    FakeSocket.newest.open();
    FakeSocket.newest.end(1006);
    expect(on.blocked).not.toHaveBeenCalled();
  });

  it('hears nothing from a socket it has left', () => {
    const old = FakeSocket.newest;
    old.greet();
    connection.restart();
    old.hear({ t: 'typing', on: true });
    old.end(4006);
    expect(on.frame).toHaveBeenCalledTimes(1);
    expect(on.disabled).not.toHaveBeenCalled();
    expect(connection.state()).toBe('connecting');
  });
});
