import type { ClientFrame, ServerFrame } from './protocol';

const CONNECT_WITHIN = 15_000;
const HELLO_WITHIN = 10_000;
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
/** A connection that lived this long was a good one: the next attempt starts without back-off. */
const STABLE_AFTER = 5_000;
const BLOCKED_AFTER = 3;
const LOST = 1006;

export type ConnectionState = 'stopped' | 'connecting' | 'online' | 'waiting';

export interface ConnectionHandlers {
  url: string;
  hello(): ClientFrame;
  frame(frame: ServerFrame): void;
  state(state: ConnectionState): void;
  /** The position is no longer good: the next hello has to ask for a snapshot. */
  behind(): void;
  /** The token is refused: make a new session; connecting goes on when the promise is settled. */
  refused(): Promise<unknown>;
  /** The account is disabled; the connection has stopped. */
  disabled(): void;
  /** The socket will not come back, but the account is fine: use plain requests. */
  defect(): void;
  /** No socket could be opened several times in a row; attempts go on. */
  blocked(): void;
}

export type Connection = ReturnType<typeof createConnection>;

/** One socket that comes back by itself, as the close codes of the protocol demand. */
export function createConnection(on: ConnectionHandlers) {
  let state: ConnectionState = 'stopped';
  let socket: WebSocket | null = null;
  let attempt = 0;
  let neverOpened = 0;
  let onlineSince = 0;
  let holdUntil = 0;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let deadline: ReturnType<typeof setTimeout> | undefined;
  let pingTimer: ReturnType<typeof setInterval> | undefined;

  function setState(to: ConnectionState): void {
    if (state === to) return;
    state = to;
    on.state(to);
  }

  /** Ends the present socket without a word to anyone. */
  function drop(): void {
    clearTimeout(retryTimer);
    clearTimeout(deadline);
    clearInterval(pingTimer);
    deadline = undefined;
    const old = socket;
    socket = null;
    old?.close(1000);
  }

  /** Counts the connection as dead unless something is heard in time. */
  function expect(milliseconds: number): void {
    clearTimeout(deadline);
    deadline = setTimeout(() => lost(LOST), milliseconds);
  }

  function heard(): void {
    clearTimeout(deadline);
    deadline = undefined;
  }

  function open(): void {
    drop();
    setState('connecting');
    neverOpened++; // Taken back as soon as it opens.
    let fresh: WebSocket;
    try {
      fresh = new WebSocket(on.url);
    } catch {
      lost(LOST); // The page's content policy refuses the address outright.
      return;
    }
    socket = fresh;
    expect(CONNECT_WITHIN);
    fresh.onopen = () => {
      if (socket !== fresh) return;
      neverOpened = 0;
      expect(HELLO_WITHIN);
      fresh.send(JSON.stringify(on.hello()));
    };
    fresh.onmessage = ({ data }) => {
      if (socket === fresh) receive(JSON.parse(data as string) as ServerFrame | { t: 'pong' });
    };
    fresh.onclose = ({ code }) => {
      if (socket === fresh) lost(code);
    };
  }

  function receive(frame: ServerFrame): void {
    if (frame.t === 'pong') heard();
    else {
      if (frame.t === 'hello') {
        heard();
        onlineSince = Date.now();
        pingTimer = setInterval(ping, PING_EVERY);
        setState('online');
      }
      on.frame(frame);
    }
  }

  function ping(): void {
    if (deadline === undefined && send({ t: 'ping' })) expect(PONG_WITHIN);
  }

  function send(frame: ClientFrame): boolean {
    if (state !== 'online' || socket?.readyState !== 1) return false;
    socket.send(JSON.stringify(frame));
    return true;
  }

  /** Acts on a close code; the numbers are those of section 5 of the protocol. */
  function lost(code: number): void {
    drop();
    if (onlineSince && Date.now() - onlineSince >= STABLE_AFTER) attempt = 0;
    onlineSince = 0;
    const stop = [4001, 4003, 4006, 1009].includes(code);
    setState(stop ? 'stopped' : 'waiting');
    if (code === 4006) on.disabled();
    else if (stop) on.defect();
    else if (code === 4005) {
      const retry = (): void => {
        if (state === 'waiting') retryIn(backoff());
      };
      on.refused().then(retry, retry);
    } else if (code === 4007) {
      holdUntil = Date.now() + 30_000;
      retryIn(30_000);
    } else if (code === 4009) {
      // The server cannot take more just now: everybody comes back at another moment.
      const rest = 5000 + Math.random() * 10_000;
      holdUntil = Date.now() + rest;
      retryIn(rest);
    } else if (code === 1012) retryIn(1000 + Math.random() * 4000);
    else if (code === 4002 || code === 4004 || code === 4008) {
      if (code !== 4002) on.behind();
      // At once, but a server that keeps saying so is asked ever more slowly.
      retryIn(attempt ? backoff() : attempt++);
    } else {
      retryIn(backoff());
      if (neverOpened >= BLOCKED_AFTER && navigator.onLine !== false) on.blocked();
    }
  }

  /** Half a second to half a minute, with jitter. */
  function backoff(): number {
    const ceiling = Math.min(30_000, 1000 * 2 ** attempt++);
    return (ceiling + Math.random() * ceiling) / 2;
  }

  function retryIn(milliseconds: number): void {
    retryTimer = setTimeout(open, milliseconds);
  }

  function stop(): void {
    drop();
    attempt = 0;
    setState('stopped');
  }

  return {
    state: () => state,
    stop,

    /** Sends a frame; false when there is no live socket. */
    send,

    start(): void {
      if (state === 'stopped') open();
    },

    /** Closes and connects again at once, for a new token or a new position. */
    restart(): void {
      stop();
      open();
    },

    /**
     * Something suggests the network is back or the visitor looks: try now, or prove that
     * the socket lives. Where the browser says that there is no network nothing is waited for.
     */
    nudge(): void {
      if (state === 'online') navigator.onLine !== false ? ping() : lost(LOST);
      else if (state === 'waiting' && Date.now() >= holdUntil) open();
    },
  };
}
