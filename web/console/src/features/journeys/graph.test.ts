import { describe, expect, test } from "vitest";
import type { FlowNode, Graph, NodeKind } from "@/api/journeys";
import { addWay, blank, connect, duplicateNode, freshId, inOrder, insertAt, insertBefore, joinElse, outlets, reachable, removeNode, replaceNode, TRIGGER } from "./graph";

const graph = (start: string, ...nodes: FlowNode[]): Graph => ({ trigger: { kind: "event", event: "Order Completed" }, entry: { policy: "once" }, start, nodes });
const step = (id: string, next = "", kind: NodeKind = "delay"): FlowNode => ({ id, kind, next });
const ids = (g: Graph) => inOrder(g).map((n) => n.id);
const ends = (g: Graph, id: string) => outlets(g, id).map((o) => o.to);

/** a → fork(first: b → d, else: c → d) → d */
const fork = () => graph("a", step("a", "f"), { id: "f", kind: "branch", ways: [{ rule: { kind: "all" }, next: "b" }], else: "c" }, step("b", "d"), step("c", "d"), step("d"));

describe("inserting", () => {
  test("the first step of an empty journey", () => {
    const g = insertAt(graph(""), { node: TRIGGER, port: "next" }, blank("delay", "x", ""));
    expect(g.start).toBe("x");
    expect(ends(g, "x")).toEqual([""]);
  });

  test("between two steps keeps what follows", () => {
    const g = insertAt(graph("a", step("a", "b"), step("b")), { node: "a", port: "next" }, blank("delay", "x", "b"));
    expect(ids(g)).toEqual(["a", "x", "b"]);
  });

  test("a fork leads all its ways to what follows, so that nobody is lost", () => {
    for (const kind of ["branch", "split", "wait"] as const) {
      const g = insertAt(graph("a", step("a", "b"), step("b")), { node: "a", port: "next" }, blank(kind, "x", "b"));
      expect(ends(g, "x")).toEqual(["b", "b"]);
    }
  });

  test("into one way of a fork leaves the others alone", () => {
    const g = insertAt(fork(), { node: "f", port: "0" }, blank("delay", "x", "b"));
    expect(ends(g, "f")).toEqual(["x", "c"]);
    expect(ends(g, "x")).toEqual(["b"]);
  });

  test("before a step where ways meet is for everybody", () => {
    const g = insertBefore(fork(), "d", blank("delay", "x", "d"));
    expect(ends(g, "b")).toEqual(["x"]);
    expect(ends(g, "c")).toEqual(["x"]);
    expect(ends(g, "x")).toEqual(["d"]);
  });

  test("whom a message cannot reach goes on like everybody until they get a way of their own", () => {
    const m = graph("m", blank("message", "m", "z"), step("z"));
    expect(ends(m, "m")).toEqual(["z"]);
    const own = insertAt(m, { node: "m", port: "else" }, blank("task", "t", "z"));
    expect(outlets(own, "m")).toEqual([
      { node: "m", port: "next", to: "z" },
      { node: "m", port: "else", to: "t" },
    ]);
    const joined = joinElse(own, "m");
    expect(ends(joined, "m")).toEqual(["z"]);
    expect(ids(joined)).toEqual(["m", "z"]);
  });

  test("a new id is never one that is taken", () => {
    const rolls = [0, 0, 0.5];
    const taken = freshId(graph(""), "task", () => 0);
    expect(freshId(graph(taken, step(taken)), "task", () => rolls.shift()!)).not.toBe(taken);
    expect(taken).toMatch(/^[a-z0-9_-]{1,40}$/);
  });
});

describe("removing", () => {
  test("joins the ends", () => {
    const g = removeNode(graph("a", step("a", "b"), step("b", "c"), step("c")), "b");
    expect(ids(g)).toEqual(["a", "c"]);
  });

  test("the first step moves the start", () => {
    expect(removeNode(graph("a", step("a", "b"), step("b")), "a").start).toBe("b");
    expect(removeNode(graph("a", step("a")), "a").start).toBe("");
  });

  test("a fork keeps its first way and drops what only the others led to", () => {
    const g = removeNode(fork(), "f");
    expect(ids(g)).toEqual(["a", "b", "d"]);
    expect(g.nodes).toHaveLength(3);
  });

  test("a way of a fork falls to the other way's end", () => {
    const g = removeNode(fork(), "b");
    expect(ends(g, "f")).toEqual(["d", "c"]);
  });

  test("a step that leads to itself leaves no trace", () => {
    const g = removeNode(graph("w", { id: "w", kind: "wait", next: "", else: "w" }), "w");
    expect(g).toMatchObject({ start: "", nodes: [] });
  });

  test("what nobody could reach before stays to be seen", () => {
    const g = removeNode(graph("a", step("a", "b"), step("b"), step("stray")), "b");
    expect(g.nodes.map((n) => n.id)).toEqual(["a", "stray"]);
  });
});

describe("changing", () => {
  test("a way led elsewhere drops what it alone led to", () => {
    const g = connect(fork(), { node: "f", port: "else" }, "d");
    expect(ids(g)).toEqual(["a", "f", "b", "d"]);
  });

  test("the end of a way is led back: a loop", () => {
    const g = connect(fork(), { node: "d", port: "next" }, "a");
    expect(ends(g, "d")).toEqual(["a"]);
    expect(reachable(g).size).toBe(5);
  });

  test("taking a way away takes its steps along", () => {
    const g = fork();
    const f = g.nodes.find((n) => n.id === "f")!;
    expect(ids(replaceNode(g, { ...f, ways: [] }))).toEqual(["a", "f", "c", "d"]);
  });

  test("a new way leads where the last one leads", () => {
    expect(addWay({ id: "s", kind: "split", ways: [{ percent: 100, next: "z" }] }).ways).toEqual([
      { percent: 100, next: "z" },
      { percent: 0, next: "z" },
    ]);
    expect(addWay({ id: "b", kind: "branch", ways: [], else: "y" }).ways?.[0]?.next).toBe("y");
  });

  test("a copy stands after its step and shares nothing with it", () => {
    const g = graph("m", { ...blank("message", "m", "z"), message: { channels: ["email"], purpose: "marketing", body: "x" } }, step("z"));
    const copied = duplicateNode(g, "m", "m2");
    expect(ids(copied)).toEqual(["m", "m2", "z"]);
    const [one, two] = [copied.nodes.find((n) => n.id === "m")!, copied.nodes.find((n) => n.id === "m2")!];
    expect(two.message).toEqual(one.message);
    expect(two.message).not.toBe(one.message);
  });

  test("a copied fork leads all its ways to what followed the first", () => {
    const copied = duplicateNode(fork(), "f", "f2");
    expect(ends(copied, "f")).toEqual(["f2", "c"]);
    expect(ends(copied, "f2")).toEqual(["b", "b"]);
  });
});

test("reading order follows the ways from left to right, strays last", () => {
  const g = fork();
  expect(ids({ ...g, nodes: [step("stray"), ...g.nodes] })).toEqual(["a", "f", "b", "d", "c", "stray"]);
});
