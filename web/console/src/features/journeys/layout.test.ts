import { describe, expect, test } from "vitest";
import type { FlowNode, Graph } from "@/api/journeys";
import { outlets, TRIGGER } from "./graph";
import { CARD, layout, PILL, type Layout } from "./layout";

const graph = (start: string, ...nodes: FlowNode[]): Graph => ({ trigger: { kind: "event", event: "x" }, entry: { policy: "once" }, start, nodes });
const step = (id: string, next = ""): FlowNode => ({ id, kind: "delay", next });
const split = (id: string, ...to: string[]): FlowNode => ({ id, kind: "split", ways: to.map((next) => ({ percent: 0, next })) });

const at = (l: Layout, id: string) => l.cards.find((c) => c.id === id)!;

function overlaps(l: Layout): string[] {
  const boxes = [...l.cards.map((c) => ({ ...c, ...CARD })), ...l.pills.map((p) => ({ ...p, ...PILL }))];
  return boxes.flatMap((a, i) => boxes.slice(i + 1).flatMap((b) => (Math.abs(a.x - b.x) < (a.width + b.width) / 2 && a.y < b.y + b.height && b.y < a.y + a.height ? [`${a.id} × ${b.id}`] : [])));
}

/** Every card once, every way a line that begins and ends where it should. */
function sound(g: Graph): Layout {
  const l = layout(g);
  expect(l.cards.map((c) => c.id).sort()).toEqual([TRIGGER, ...g.nodes.map((n) => n.id)].sort());
  expect(overlaps(l)).toEqual([]);
  expect(l.lines).toHaveLength([TRIGGER, ...g.nodes.map((n) => n.id)].reduce((sum, id) => sum + outlets(g, id).length, 0));
  for (const line of l.lines) {
    const first = line.points[0]!;
    const last = line.points[line.points.length - 1]!;
    const from = at(l, line.node);
    expect(first).toEqual([from.x, from.y + CARD.height]);
    const to = line.kind === "flow" ? at(l, line.to) : l.pills.find((p) => p.id === line.id)!;
    expect(last).toEqual([to.x, to.y]);
    line.points.forEach((p, i) => {
      const before = line.points[i - 1];
      if (before) expect(p[0] === before[0] || p[1] === before[1], line.id).toBe(true);
    });
  }
  return l;
}

describe("the layout", () => {
  test("an empty journey is a trigger and an end", () => {
    const l = sound(graph(""));
    expect(l.pills).toHaveLength(1);
    expect(at(l, TRIGGER)).toMatchObject({ x: 0, y: 0 });
  });

  test("steps in a row stand straight below each other", () => {
    const l = sound(graph("a", step("a", "b"), step("b", "c"), step("c")));
    expect(l.cards.every((c) => c.x === 0)).toBe(true);
    expect(at(l, "a").y).toBeLessThan(at(l, "b").y);
    expect(at(l, "b").y).toBeLessThan(at(l, "c").y);
  });

  test("ways keep their order from left to right, and the fork stands in their middle", () => {
    const l = sound(graph("f", split("f", "a", "b", "c"), step("a"), step("b"), step("c")));
    expect(at(l, "a").x).toBeLessThan(at(l, "b").x);
    expect(at(l, "b").x).toBeLessThan(at(l, "c").x);
    expect((at(l, "a").x + at(l, "c").x) / 2).toBe(at(l, "f").x);
  });

  test("where ways meet the card stands below all of them, under the fork, with one plus for all", () => {
    const l = sound(graph("f", split("f", "a", "b"), step("a", "a2"), step("a2", "z"), step("b", "z"), step("z")));
    expect(at(l, "z").x).toBe(at(l, "f").x);
    expect(at(l, "z").y).toBeGreaterThan(at(l, "a2").y + CARD.height);
    expect(l.meets.map((m) => m.id)).toEqual(["z"]);
  });

  test("a fork that leads straight to the meeting has a way of its own for each", () => {
    const l = sound(graph("f", split("f", "z", "z"), step("z")));
    const [one, two] = l.lines.filter((x) => x.node === "f");
    expect(one!.plus[0]).toBeLessThan(two!.plus[0]);
    expect(one!.label).not.toBeNull();
  });

  test("a way back is a jump, not a line across the journey", () => {
    const l = sound(graph("a", step("a", "w"), { id: "w", kind: "wait", next: "", else: "a" }));
    expect(l.lines.find((x) => x.node === "w" && x.port === "else")).toMatchObject({ kind: "jump", to: "a" });
  });

  test("what nobody reaches stands to the right", () => {
    const l = sound(graph("a", step("a"), step("s", "t"), step("t", "a")));
    expect(at(l, "s").x).toBeGreaterThan(at(l, "a").x + CARD.width);
    expect(at(l, "t").y).toBeGreaterThan(at(l, "s").y);
  });

  test("a card that is added low moves nothing above it", () => {
    const before = layout(graph("a", step("a", "b"), step("b")));
    const after = layout(graph("a", step("a", "b"), step("b", "c"), step("c")));
    for (const id of ["a", "b"]) expect(at(after, id)).toEqual(at(before, id));
  });
});

/** A small generator of its own, so that a failure can be repeated. */
function random(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return s / 2 ** 32;
  };
}

test("any graph has a sound layout: forks, meetings, loops, strays", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const roll = random(seed);
    const count = 1 + Math.floor(roll() * 14);
    const pick = () => (roll() < 0.15 ? "" : `n${Math.floor(roll() * count)}`);
    const nodes = Array.from({ length: count }, (_, i): FlowNode => {
      const kind = roll();
      if (kind < 0.25) return split(`n${i}`, ...Array.from({ length: 1 + Math.floor(roll() * 3) }, pick));
      if (kind < 0.4) return { id: `n${i}`, kind: "wait", next: pick(), else: pick() };
      // Mostly onward, as people draw.
      return step(`n${i}`, i + 1 < count && roll() < 0.8 ? `n${i + 1}` : pick());
    });
    const g = graph("n0", ...nodes);
    const l = layout(g);
    expect(overlaps(l), `seed ${seed}`).toEqual([]);
    expect(new Set(l.cards.map((c) => c.id)).size, `seed ${seed}`).toBe(count + 1);
    expect(l.cards).toHaveLength(count + 1);
  }
});
