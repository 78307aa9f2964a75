import { Close } from './protocol';
import type { ClientFrame, HelloFrame, ServerFrame } from './protocol';

const CONNECT_TIMEOUT = 15_000;
const HELLO_TIMEOUT = 10_000;
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
/** A connection that lived this long was a good one: the next attempt starts without back-off. */
const STABLE_AFTER = 5_000;
const BLOCKED_AFTER = 3;

export type ConnectionState = 'stopped' | 'connecting' | 'online' | 'waiting';

export interface ConnectionHandlers {
  url(): string;
  hello(): ClientFrame;
  onHello(frame: HelloFrame): void;
  onFrame(frame: Exclude<ServerFrame, HelloFrame>): void;
  onState(state: ConnectionState): void;
  /** The position is no longer good: the next hello has to ask for a snapshot. */
  onBehind(): void;
  /** The token is refused: make a new session; connecting goes on when the promise is settled. */
  onRefused(): Promise<void>;
  /** The account is disabled; the connection has stopped. */
  onDisabled(): void;
  /** The socket will not come back, but the account is fine: use plain requests. `code` is the close code. */
  onDefect(code: number): void;
  /** No socket could be opened several times in a row; attempts go on. */
  onBlocked(): void;
}

/** One socket that comes back by itself, as the close codes of the protocol demand. */
export class Connection {
  state: ConnectionState = 'stopped';
  private readonly handlers: ConnectionHandlers;
  private socket: WebSocket | null = null;
  private attempt = 0;
  private neverOpened = 0;
  private onlineSince = 0;
  private holdUntil = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;

  constructor(handlers: ConnectionHandlers) {
    this.handlers = handlers;
  }

  start(): void {
    if (this.state === 'stopped') this.open();
  }

  stop(): void {
    this.drop();
    clearTimeout(this.retryTimer);
    this.attempt = 0;
    this.setState('stopped');
  }

  /** Closes and connects again at once, for a new token or a new position. */
  restart(): void {
    this.stop();
    this.open();
  }

  /** Something suggests the network is back or the visitor looks: try now, or prove that the socket lives. */
  nudge(): void {
    if (this.state === 'waiting' && Date.now() >= this.holdUntil) this.open();
    else if (this.state === 'online') this.ping();
  }

  /** Sends a frame; false when there is no live socket. */
  send(frame: ClientFrame): boolean {
    if (this.state !== 'online' || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  private open(): void {
    this.drop();
    clearTimeout(this.retryTimer);
    this.setState('connecting');
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.handlers.url());
    } catch {
      this.neverOpened++;
      this.lost(1006); // A page's content policy may refuse the address outright.
      return;
    }
    this.socket = socket;
    let opened = false;
    this.deadline = setTimeout(() => fail(1006), CONNECT_TIMEOUT);
    const fail = (code: number): void => {
      if (this.socket !== socket) return;
      if (!opened) this.neverOpened++;
      this.lost(code);
    };
    socket.onopen = () => {
      if (this.socket !== socket) return;
      opened = true;
      this.neverOpened = 0;
      clearTimeout(this.deadline);
      this.deadline = setTimeout(() => fail(1006), HELLO_TIMEOUT);
      socket.send(JSON.stringify(this.handlers.hello()));
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(String(event.data));
    };
    socket.onclose = (event) => fail(event.code);
  }

  private receive(data: string): void {
    let frame: ServerFrame;
    try {
      frame = JSON.parse(data) as ServerFrame;
    } catch {
      return;
    }
    if (frame.t === 'pong') {
      clearTimeout(this.deadline);
      this.deadline = undefined;
    } else if (frame.t === 'hello') {
      clearTimeout(this.deadline);
      this.deadline = undefined;
      this.onlineSince = Date.now();
      clearInterval(this.pingTimer);
      this.pingTimer = setInterval(() => this.ping(), PING_EVERY);
      this.setState('online');
      this.handlers.onHello(frame);
    } else {
      this.handlers.onFrame(frame);
    }
  }

  private ping(): void {
    if (this.deadline !== undefined || !this.send({ t: 'ping' })) return;
    const socket = this.socket;
    this.deadline = setTimeout(() => {
      if (this.socket === socket) this.lost(1006);
    }, PONG_WITHIN);
  }

  private lost(code: number): void {
    this.drop();
    const stable = this.onlineSince > 0 && Date.now() - this.onlineSince >= STABLE_AFTER;
    this.onlineSince = 0;
    if (stable) this.attempt = 0;
    switch (code) {
      case Close.accountDisabled:
        this.setState('stopped');
        this.handlers.onDisabled();
        return;
      case Close.frameInvalid:
      case Close.frameTooLarge:
      case Close.signedOut:
        this.setState('stopped');
        this.handlers.onDefect(code);
        return;
      case Close.visitorRefused:
        this.setState('waiting');
        void this.handlers
          .onRefused()
          .catch(() => undefined)
          .then(() => {
            if (this.state === 'waiting') this.retryIn(this.backoff());
          });
        return;
      case Close.rightsChanged:
      case Close.behind:
        this.handlers.onBehind();
        this.retryIn(this.atOnce());
        return;
      case Close.tooSlow:
        this.retryIn(this.atOnce());
        return;
      case Close.rateLimited:
        this.holdUntil = Date.now() + 30_000;
        this.retryIn(30_000);
        return;
      case Close.restart:
        this.retryIn(1000 + Math.random() * 4000);
        return;
      default:
        this.retryIn(this.backoff());
    }
    if (this.neverOpened >= BLOCKED_AFTER && navigator.onLine !== false) this.handlers.onBlocked();
  }

  /** Zero for a first repeat; a server that keeps saying "at once" is asked ever more slowly. */
  private atOnce(): number {
    return this.attempt === 0 ? (this.attempt++, 0) : this.backoff();
  }

  /** Half a second to half a minute, with jitter. */
  private backoff(): number {
    const ceiling = Math.min(30_000, 1000 * 2 ** this.attempt++);
    return Math.max(500, ceiling / 2 + (Math.random() * ceiling) / 2);
  }

  private retryIn(milliseconds: number): void {
    clearTimeout(this.retryTimer);
    this.setState('waiting');
    this.retryTimer = setTimeout(() => this.open(), milliseconds);
  }

  private drop(): void {
    clearTimeout(this.deadline);
    clearInterval(this.pingTimer);
    this.deadline = undefined;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  private setState(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.handlers.onState(state);
  }
}
