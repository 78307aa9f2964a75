import { noteServerTime } from "@/api/clock";
import { afterClose, backOff, closeCode, type ClientFrame, type ServerFrame } from "./frames";

/** What the person is told about the connection. */
export type ConnectionState =
  | { name: "connecting" }
  | { name: "connected" }
  /** `at` is the clock's time (ms) of the next try. */
  | { name: "reconnecting"; at: number }
  | { name: "offline" }
  /** It will not come back by itself. */
  | { name: "stopped"; code: number };

/** The part of WebSocket the connection uses; tests bring their own. */
export interface Socket {
  send(data: string): void;
  close(code?: number): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface Clock {
  now(): number;
  /** Answers a function that cancels. */
  after(ms: number, run: () => void): () => void;
}

export interface Events {
  frame(frame: ServerFrame): void;
  state(state: ConnectionState): void;
  signedOut(): void;
  /** Close code 4004: what one may do or see has changed. */
  rightsChanged(): void;
}

const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
const OPEN_WITHIN = 15_000;
/** A connection that lasted this long deserves an immediate return. */
const WORTHWHILE = 1_000;

const browserClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

/**
 * The one socket of this tab. It keeps the feed's position in memory, resumes
 * after a cut, and follows the close codes' table. Frames are delivered in the
 * order they arrive; `position` moves only after the frame was handled.
 */
export class Connection {
  private socket: Socket | null = null;
  private position: string | null = null;
  private attempt = 0;
  private greetedAt: number | null = null;
  private running = false;
  private online = true;
  private cancelRetry: (() => void) | null = null;
  private cancelPing: (() => void) | null = null;
  private cancelDeadline: (() => void) | null = null;
  private current: ConnectionState = { name: "connecting" };

  constructor(
    private readonly open: () => Socket,
    private readonly events: Events,
    private readonly clock: Clock = browserClock,
    private readonly random: () => number = Math.random,
  ) {}

  get state(): ConnectionState {
    return this.current;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.connect();
  }

  /** Ends the connection for good; nothing is reported afterwards. */
  stop(): void {
    this.running = false;
    this.cancelRetry?.();
    this.drop();
  }

  /** Sends when connected, otherwise forgets: client frames are hints. */
  send(frame: ClientFrame): boolean {
    if (this.current.name !== "connected" || !this.socket) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Tries at once instead of waiting, for example when the tab is shown again. */
  nudge(): void {
    if (!this.running || !this.online) return;
    if (this.current.name === "reconnecting") {
      this.connect();
    } else if (this.current.name === "connected") {
      this.ping();
    }
  }

  /** The browser's own opinion about the network. */
  setOnline(online: boolean): void {
    if (this.online === online) return;
    this.online = online;
    if (!this.running || this.current.name === "stopped") return;
    if (online) {
      this.attempt = 0;
      this.connect();
    } else {
      this.cancelRetry?.();
      this.drop();
      this.tell({ name: "offline" });
    }
  }

  private tell(state: ConnectionState): void {
    this.current = state;
    this.events.state(state);
  }

  private connect(): void {
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.drop();
    this.greetedAt = null;
    if (this.attempt === 0) this.tell({ name: "connecting" });
    const socket = this.open();
    this.socket = socket;
    this.cancelDeadline = this.clock.after(OPEN_WITHIN, () => this.lost(socket, 1006));
    socket.onopen = () => socket.send(JSON.stringify({ t: "hello", after: this.position }));
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(String(event.data));
    };
    socket.onclose = (event) => this.lost(socket, event.code);
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.t === "hello" || frame.t === "pong") noteServerTime(frame.server_time);
    if (frame.t === "hello") {
      this.greetedAt = this.clock.now();
      this.attempt = 0;
      this.cancelDeadline?.();
      this.cancelDeadline = null;
      this.schedulePing();
      this.events.frame(frame);
      this.position = frame.position;
      this.tell({ name: "connected" });
      return;
    }
    if (frame.t === "pong") {
      this.cancelDeadline?.();
      this.cancelDeadline = null;
      return;
    }
    this.events.frame(frame);
    if (frame.t === "change" || frame.t === "position") this.position = frame.position;
  }

  private schedulePing(): void {
    this.cancelPing?.();
    this.cancelPing = this.clock.after(PING_EVERY, () => {
      this.ping();
      this.schedulePing();
    });
  }

  private ping(): void {
    const socket = this.socket;
    if (!socket || this.cancelDeadline) return;
    socket.send(JSON.stringify({ t: "ping" }));
    this.cancelDeadline = this.clock.after(PONG_WITHIN, () => this.lost(socket, 1006));
  }

  /** Lets go of the socket without hearing from it again. */
  private drop(): void {
    this.cancelPing?.();
    this.cancelDeadline?.();
    this.cancelPing = this.cancelDeadline = null;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  private lost(socket: Socket, code: number): void {
    if (socket !== this.socket || !this.running) return;
    const worthwhile = this.greetedAt !== null && this.clock.now() - this.greetedAt >= WORTHWHILE;
    this.drop();
    const next = afterClose(code, this.random());
    switch (next.come) {
      case "never":
        this.running = false;
        this.tell({ name: "stopped", code });
        return;
      case "sign-in":
        this.running = false;
        this.tell({ name: "stopped", code });
        this.events.signedOut();
        return;
      case "now":
        if (!next.resume) this.position = null;
        if (code === closeCode.rightsChanged) this.events.rightsChanged();
        // A server that cuts every new socket must not be met with a storm.
        this.retryIn(worthwhile ? 0 : backOff(this.attempt++, this.random()));
        return;
      case "after":
        this.retryIn(next.delay);
        return;
      case "back-off":
        this.retryIn(backOff(this.attempt++, this.random()));
    }
  }

  private retryIn(ms: number): void {
    if (!this.online) {
      this.tell({ name: "offline" });
      return;
    }
    this.tell({ name: "reconnecting", at: this.clock.now() + ms });
    this.cancelRetry = this.clock.after(ms, () => this.connect());
  }
}
