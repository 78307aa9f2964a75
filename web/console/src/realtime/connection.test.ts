import { beforeEach, describe, expect, test } from "vitest";
import { Connection, type Clock, type ConnectionState, type Socket } from "./connection";
import { afterClose, backOff, type ServerFrame } from "./frames";

class FakeClock implements Clock {
  time = 0;
  private timers: { at: number; run: () => void }[] = [];
  now = () => this.time;
  after = (ms: number, run: () => void) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((t) => t !== timer);
    };
  };
  advance(ms: number) {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}

class FakeSocket implements Socket {
  sent: Record<string, unknown>[] = [];
  closed = false;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  send(data: string) {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }
  close() {
    this.closed = true;
  }
  hello(position: string, resumed = true) {
    this.onopen?.(undefined as never);
    this.say({ t: "hello", position, resumed, server_time: "", node: "n", online: [] });
  }
  say(frame: ServerFrame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  cut(code: number) {
    this.onclose?.({ code });
  }
}

let clock: FakeClock;
let sockets: FakeSocket[];
let frames: ServerFrame[];
let states: ConnectionState[];
let notes: string[];
let connection: Connection;
const socket = () => sockets[sockets.length - 1]!;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  frames = [];
  states = [];
  notes = [];
  connection = new Connection(
    () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    {
      frame: (f) => frames.push(f),
      state: (s) => states.push(s),
      signedOut: () => notes.push("signed out"),
      rightsChanged: () => notes.push("rights changed"),
    },
    clock,
    () => 0.5,
  );
  connection.start();
});

const position = (p: string): ServerFrame => ({ t: "position", position: p });

describe("greeting and resuming", () => {
  test("the first hello has no position, later ones the last seen", () => {
    socket().hello("7");
    expect(sockets[0]!.sent[0]).toEqual({ t: "hello", after: null });
    socket().say(position("9"));
    clock.advance(1_000);
    socket().cut(4002);
    clock.advance(0);
    socket().hello("9");
    expect(sockets[1]!.sent[0]).toEqual({ t: "hello", after: "9" });
    expect(connection.state.name).toBe("connected");
  });

  test("a frame of a socket that was given up is not heard", () => {
    const old = socket();
    old.hello("7");
    old.cut(1006);
    clock.advance(1_000);
    old.say(position("99"));
    socket().hello("7");
    expect(frames.filter((f) => f.t === "position")).toEqual([]);
  });
});

describe("close codes", () => {
  test.each([
    [4000, "back-off"],
    [4001, "never"],
    [4002, "now"],
    [4003, "sign-in"],
    [4004, "now"],
    [4005, "never"],
    [4006, "never"],
    [4007, "after"],
    [4008, "now"],
    [4009, "after"],
    [1009, "never"],
    [1012, "after"],
    [1006, "back-off"],
    [1001, "back-off"],
  ])("%i: %s", (code, come) => {
    expect(afterClose(code, 0.5).come).toBe(come);
  });

  test.each([[4004], [4008]])("%i comes back at once and starts afresh", (code) => {
    socket().hello("7");
    clock.advance(1_000);
    socket().cut(code);
    clock.advance(0);
    expect(sockets).toHaveLength(2);
    socket().hello("8", false);
    expect(sockets[1]!.sent[0]).toEqual({ t: "hello", after: null });
    expect(notes).toEqual(code === 4004 ? ["rights changed"] : []);
  });

  test("4003 stays away and leads to signing in", () => {
    socket().hello("7");
    socket().cut(4003);
    clock.advance(600_000);
    expect(sockets).toHaveLength(1);
    expect(notes).toEqual(["signed out"]);
    expect(connection.state).toEqual({ name: "stopped", code: 4003 });
  });

  test("4001 stays away until the page is loaded again", () => {
    socket().hello("7");
    socket().cut(4001);
    clock.advance(600_000);
    connection.nudge();
    expect(sockets).toHaveLength(1);
  });

  test("4007 waits thirty seconds", () => {
    socket().hello("7");
    socket().cut(4007);
    clock.advance(29_999);
    expect(sockets).toHaveLength(1);
    clock.advance(1);
    expect(sockets).toHaveLength(2);
  });

  test("1012 waits one to five seconds", () => {
    expect(afterClose(1012, 0)).toEqual({ come: "after", delay: 1_000 });
    expect(afterClose(1012, 0.999)).toEqual({ come: "after", delay: 4_996 });
  });

  test("a server that cuts every new socket is not met with a storm", () => {
    for (let i = 0; i < 20; i++) {
      socket().hello("7");
      socket().cut(4002);
      clock.advance(100);
    }
    expect(sockets.length).toBeLessThan(8);
  });
});

describe("backing off", () => {
  test("doubles up to thirty seconds, with jitter", () => {
    expect([0, 1, 2, 3, 10, 40].map((n) => backOff(n, 1))).toEqual([500, 1_000, 2_000, 4_000, 30_000, 30_000]);
    expect(backOff(3, 0)).toBe(2_000);
  });

  test("tells when it will try, and a nudge tries at once", () => {
    socket().cut(1006);
    expect(connection.state).toEqual({ name: "reconnecting", at: 375 });
    connection.nudge();
    expect(sockets).toHaveLength(2);
  });

  test("waits while the browser is offline and returns when it is online", () => {
    socket().hello("7");
    connection.setOnline(false);
    expect(connection.state.name).toBe("offline");
    clock.advance(600_000);
    expect(sockets).toHaveLength(1);
    connection.setOnline(true);
    socket().hello("8");
    expect(sockets[1]!.sent[0]).toEqual({ t: "hello", after: "7" });
  });
});

describe("being alive", () => {
  test("pings, and a pong keeps the socket", () => {
    socket().hello("7");
    clock.advance(25_000);
    expect(socket().sent[socket().sent.length - 1]).toEqual({ t: "ping" });
    socket().say({ t: "pong", server_time: "" });
    clock.advance(10_000);
    expect(sockets).toHaveLength(1);
  });

  test("no pong in ten seconds is a dead socket", () => {
    socket().hello("7");
    clock.advance(35_000);
    expect(sockets[0]!.closed).toBe(true);
    expect(connection.state.name).toBe("reconnecting");
  });

  test("a socket that never opens is given up", () => {
    clock.advance(15_000);
    expect(connection.state.name).toBe("reconnecting");
  });

  test("stopping is silent and final", () => {
    socket().hello("7");
    const told = states.length;
    connection.stop();
    clock.advance(600_000);
    expect(states).toHaveLength(told);
    expect(sockets).toHaveLength(1);
  });
});
