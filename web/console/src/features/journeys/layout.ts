import type { Graph } from "@/api/journeys";
import { nodeOf, outlets, TRIGGER, type Outlet } from "./graph";

/** Sizes of the canvas in its own pixels. */
export const CARD = { width: 304, height: 108 };
export const PILL = { width: 168, height: 32 };
const LANE = 176;
const GAP = 40;
/** From a card to the next one: a line with its "+". */
const DROP = 68;
/** The same below a fork, whose ways have names. */
const FORK_DROP = 120;

export type Point = readonly [x: number, y: number];

export interface Place {
  id: string;
  /** The middle of its top edge. */
  x: number;
  y: number;
}

export interface Line extends Outlet {
  id: string;
  points: Point[];
  /** Where the way's name stands; null when the card has one way only. */
  label: Point | null;
  plus: Point;
  /** "end" and "jump" lead to a pill of their own, which has the line's id. */
  kind: "flow" | "end" | "jump";
}

export interface Layout {
  cards: Place[];
  pills: Place[];
  lines: Line[];
  /** Nodes where ways meet: one "+" before them is for everybody. */
  meets: { id: string; plus: Point }[];
}

/** What a layout asks of a graph, gathered once. */
interface Order {
  rank: Map<string, number>;
  idom: Map<string, string>;
  entries: Map<string, number>;
}

/** Depth-first order in which whatever leads to a node comes before it, loops aside. */
function reversePostorder(graph: Graph, root: string): string[] {
  const seen = new Set<string>();
  const out: string[] = [];
  const visit = (id: string) => {
    seen.add(id);
    // From right to left, so that the reversed order reads from left to right.
    for (const { to } of outlets(graph, id).reverse()) if (to && !seen.has(to) && nodeOf(graph, to)) visit(to);
    out.push(id);
  };
  visit(root);
  return out.reverse();
}

/** The immediate dominators: the last card that everybody passes who comes to a card. */
function order(graph: Graph, root: string): Order {
  const ids = reversePostorder(graph, root);
  const rank = new Map(ids.map((id, i) => [id, i]));
  const preds = new Map<string, string[]>();
  const entries = new Map<string, number>();
  for (const id of ids) {
    for (const { to } of outlets(graph, id)) {
      if (!rank.has(to) || rank.get(to)! <= rank.get(id)!) continue;
      preds.set(to, [...(preds.get(to) ?? []), id]);
      entries.set(to, (entries.get(to) ?? 0) + 1);
    }
  }
  const idom = new Map<string, string>();
  // Without its loops the graph has no cycle, so one pass is enough.
  for (const id of ids.slice(1)) {
    let found: string | undefined;
    for (const pred of preds.get(id) ?? []) {
      let other = pred;
      if (found === undefined) found = other;
      while (found !== other) {
        if (rank.get(found!)! > rank.get(other)!) found = idom.get(found!)!;
        else other = idom.get(other)!;
      }
    }
    idom.set(id, found ?? root);
  }
  return { rank, idom, entries };
}

/** A card with everything that only it leads to: how far it reaches to both sides and down. */
interface Block {
  left: number;
  right: number;
  height: number;
  place: (x: number, y: number) => void;
}

class Tidy {
  readonly out: Layout = { cards: [], pills: [], lines: [], meets: [] };
  private readonly at = new Map<string, Place>();
  private readonly pending: (() => void)[] = [];
  private readonly below = new Map<string, string[]>();

  constructor(
    private readonly graph: Graph,
    private readonly known: Order,
  ) {
    for (const [id, dominator] of known.idom) {
      if ((known.entries.get(id) ?? 0) > 1) this.below.set(dominator, [...(this.below.get(dominator) ?? []), id]);
    }
    for (const ids of this.below.values()) ids.sort((a, b) => known.rank.get(a)! - known.rank.get(b)!);
  }

  private kindOf(outlet: Outlet): Line["kind"] {
    if (outlet.to === "") return "end";
    const to = this.known.rank.get(outlet.to);
    return to === undefined || to <= this.known.rank.get(outlet.node)! ? "jump" : "flow";
  }

  /** What hangs in a way: the cards only it leads to, a pill, or nothing but the line. */
  private lane(outlet: Outlet): Block {
    const kind = this.kindOf(outlet);
    if (kind === "flow" && this.known.entries.get(outlet.to) === 1) return this.block(outlet.to);
    const half = Math.max(LANE, kind === "flow" ? 0 : PILL.width) / 2;
    const id = lineId(outlet);
    return {
      left: half,
      right: half,
      height: kind === "flow" ? 0 : PILL.height,
      place: (x, y) => {
        if (kind !== "flow") this.out.pills.push({ id, x, y });
      },
    };
  }

  /** Lines know where they end once everything has its place. */
  private draw(outlet: Outlet, x: number, from: Place, bottom: number, drop: number, named: boolean): void {
    const kind = this.kindOf(outlet);
    const id = lineId(outlet);
    this.pending.push(() => {
      const target = kind === "flow" ? this.at.get(outlet.to)! : { id, x, y: bottom + drop };
      const points: Point[] = [
        [from.x, bottom],
        [from.x, bottom + 16],
        [x, bottom + 16],
        [x, target.y - 28],
        [target.x, target.y - 28],
        [target.x, target.y],
      ];
      this.out.lines.push({ ...outlet, id, kind, points: straighten(points), label: named ? [x, bottom + 44] : null, plus: [x, bottom + (named ? 84 : drop / 2)] });
    });
  }

  block(id: string): Block {
    const ways = outlets(this.graph, id);
    const named = ways.length > 1;
    const drop = named ? FORK_DROP : DROP;
    const lanes = ways.map((w) => this.lane(w));
    const anchors: number[] = [];
    lanes.forEach((lane, i) => anchors.push(i === 0 ? 0 : anchors[i - 1]! + lanes[i - 1]!.right + GAP + lane.left));
    const last = lanes.length - 1;
    const middle = lanes.length > 0 ? anchors[last]! / 2 : 0;
    const meets = (this.below.get(id) ?? []).map((m) => this.block(m));
    const left = Math.max(CARD.width / 2, middle + (lanes[0]?.left ?? 0), ...meets.map((m) => m.left));
    const right = Math.max(CARD.width / 2, lanes.length > 0 ? anchors[last]! + lanes[last]!.right - middle : 0, ...meets.map((m) => m.right));
    const row = lanes.length > 0 ? drop + Math.max(...lanes.map((l) => l.height)) : 0;
    const height = CARD.height + row + meets.reduce((sum, m) => sum + DROP + m.height, 0);
    const place = (x: number, y: number) => {
      const card = { id, x, y };
      this.at.set(id, card);
      this.out.cards.push(card);
      if ((this.known.entries.get(id) ?? 0) > 1) this.out.meets.push({ id, plus: [x, y - 14] });
      const bottom = y + CARD.height;
      lanes.forEach((lane, i) => {
        const laneX = x - middle + anchors[i]!;
        lane.place(laneX, bottom + drop);
        this.draw(ways[i]!, laneX, card, bottom, drop, named);
      });
      let next = bottom + row;
      for (const meet of meets) {
        meet.place(x, next + DROP);
        next += DROP + meet.height;
      }
    };
    return { left, right, height, place };
  }

  finish(): Layout {
    for (const draw of this.pending) draw();
    return this.out;
  }
}

/** Drops points that say nothing: repeated ones and those on the way between their neighbours. */
function straighten(points: Point[]): Point[] {
  const distinct = points.filter((p, i) => i === 0 || p[0] !== points[i - 1]![0] || p[1] !== points[i - 1]![1]);
  return distinct.filter((p, i) => {
    const a = distinct[i - 1];
    const b = distinct[i + 1];
    return !a || !b || !((a[0] === p[0] && p[0] === b[0]) || (a[1] === p[1] && p[1] === b[1]));
  });
}

const lineId = (exit: { node: string; port: string }): string => `${exit.node}:${exit.port}`;

/**
 * Places a journey from the top down. Ways keep their order from left to
 * right, cards never overlap, and where ways meet again the card stands below
 * all of them, under the fork. What nobody can get to stands to the right.
 */
export function layout(graph: Graph): Layout {
  const tidy = new Tidy(graph, order(graph, TRIGGER));
  const main = tidy.block(TRIGGER);
  main.place(0, 0);
  const out = tidy.finish();
  const placed = new Set(out.cards.map((c) => c.id));
  let x = main.right + GAP * 2;
  for (const node of graph.nodes) {
    if (placed.has(node.id)) continue;
    const rest = without(graph, placed);
    const stray = new Tidy(rest, order(rest, node.id));
    const block = stray.block(node.id);
    block.place(x + block.left, CARD.height + DROP);
    x += block.left + block.right + GAP;
    const more = stray.finish();
    for (const c of more.cards) placed.add(c.id);
    for (const key of ["cards", "pills", "lines", "meets"] as const) (out[key] as unknown[]).push(...more[key]);
  }
  return out;
}

/** A graph without some of its nodes. */
function without(graph: Graph, ids: Set<string>): Graph {
  return { ...graph, nodes: graph.nodes.filter((n) => !ids.has(n.id)) };
}
