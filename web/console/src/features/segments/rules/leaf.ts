import type { Comparison, LeafKind, RuleFilter, RuleNode } from "@/api/rule";
import { change, isGroup, type Leaf, type Path } from "./tree";

export const leafKinds: LeafKind[] = ["event", "attribute", "tag", "stage", "time", "dormant", "segment", "reachable"];

/** A new condition of a kind, with what is mostly meant. */
export function newLeaf(kind: LeafKind): Leaf {
  switch (kind) {
    case "event":
      return { kind, name: "", op: "at_least", value: 1, window: { last: "30d" } };
    case "attribute":
      return { kind, name: "", op: "equals", value: "" };
    case "tag":
      return { kind, name: "" };
    case "stage":
      return { kind, values: [] };
    case "time":
      return { kind, name: "", which: "last", op: "within_last", duration: "30d" };
    case "dormant":
      return { kind, duration: "30d" };
    case "segment":
      return { kind, id: "" };
    case "reachable":
      return { kind, channel: "any", purpose: "marketing" };
  }
}

/** What of a condition stays when it becomes one of another kind. */
export function retype(leaf: Leaf, kind: LeafKind): Leaf {
  const next = newLeaf(kind);
  const both = (kind === "event" || kind === "time") && (leaf.kind === "event" || leaf.kind === "time");
  return both ? { ...next, name: leaf.name ?? "", ...(leaf.where ? { where: leaf.where } : {}) } : next;
}

/** What a comparison compares with. */
export type Against = "nothing" | "one" | "many" | "length" | "instant";

export function against(op: Comparison): Against {
  if (op === "exists" || op === "not_exists") return "nothing";
  if (op === "in" || op === "not_in") return "many";
  if (op === "within_last" || op === "more_than_ago" || op === "within_next") return "length";
  return op === "before" || op === "after" ? "instant" : "one";
}

export const numberOps: Comparison[] = ["at_least", "more_than", "at_most", "less_than"];
export const textOps: Comparison[] = ["contains", "not_contains", "starts_with", "ends_with"];
export const timeOps: Comparison[] = ["within_last", "more_than_ago", "within_next", "before", "after"];
const plainOps: Comparison[] = ["equals", "not_equals", "in", "not_in"];
const presenceOps: Comparison[] = ["exists", "not_exists"];

export type ValueType = "text" | "number" | "boolean" | "time" | "list";

const spelled: Record<string, ValueType> = { text: "text", string: "text", number: "number", boolean: "boolean", bool: "boolean", time: "time", instant: "time", date: "time", list: "list", array: "list" };

/** The kinds of value that were observed, as far as they can be compared. */
export function typesOf(observed: readonly string[]): ValueType[] {
  return [...new Set(observed.flatMap((name) => spelled[name] ?? []))];
}

/** When something happened: it cannot be asked whether it will. */
export const happenedOps: Comparison[] = ["within_last", "more_than_ago", "before", "after"];

/** The comparisons that make sense for what was observed; all of them when nothing was. */
export function opsFor(types: readonly ValueType[]): Comparison[][] {
  const any = types.length === 0;
  const has = (type: ValueType) => any || types.includes(type);
  const onlyTime = types.length === 1 && types[0] === "time";
  const onlyBoolean = types.length === 1 && types[0] === "boolean";
  const groups = [
    onlyTime ? [] : onlyBoolean ? plainOps.slice(0, 2) : plainOps,
    has("number") ? numberOps : [],
    has("text") || has("list") ? textOps : [],
    has("time") ? timeOps : [],
    presenceOps,
  ];
  return groups.filter((group) => group.length > 0);
}

/** Those whose answer time alone does not change. */
export const lastingOps: Comparison[] = [...plainOps, ...numberOps, ...textOps, ...presenceOps, "before", "after"];

type Compared = Pick<RuleNode, "op" | "value" | "values" | "duration">;

/** The fields of a comparison after another one was chosen; what still fits is kept. */
export function withOp(held: Compared, op: Comparison): Compared {
  const first = held.value ?? held.values?.[0];
  const none = { value: undefined, values: undefined, duration: undefined };
  switch (against(op)) {
    case "nothing":
      return { ...none, op };
    case "many":
      return { ...none, op, values: held.values ?? (first === undefined || first === "" ? [] : [first]) };
    case "length":
      return { ...none, op, duration: held.duration ?? "30d" };
    case "instant":
      return { ...none, op, value: typeof first === "string" && !Number.isNaN(Date.parse(first)) && /^\d{4}-/.test(first) ? first : "" };
    case "one": {
      if (numberOps.includes(op)) return { ...none, op, value: asNumber(first) ?? "" };
      if (textOps.includes(op)) return { ...none, op, value: first === undefined ? "" : String(first) };
      return { ...none, op, value: first ?? "" };
    }
  }
}

/** A number, when something is one or is written like one. */
export function asNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** Drops fields that are undefined, which a filter must not carry. */
export function changeFilter(filter: RuleFilter, patch: Partial<RuleFilter>): RuleFilter {
  const next = { ...filter, ...patch };
  for (const field of Object.keys(patch) as (keyof RuleFilter)[]) if (next[field] === undefined) delete next[field];
  return next;
}

function lacksComparison({ op, value, values, duration }: Compared): string | null {
  if (!op) return "op";
  switch (against(op)) {
    case "nothing":
      return null;
    case "many":
      return (values ?? []).length > 0 ? null : "values";
    case "length":
      return duration ? null : "duration";
    default:
      return value === undefined || value === null || value === "" ? "value" : null;
  }
}

/** The fields a condition still lacks, as the API names them; empty when it can be asked. */
export function lacks(leaf: Leaf): string[] {
  const out: string[] = [];
  const need = (field: string, there: unknown) => void (there ? 0 : out.push(field));
  const compare = () => {
    const missing = lacksComparison(leaf);
    if (missing) out.push(missing);
  };
  const filters = () =>
    (leaf.where ?? []).forEach((filter, i) => {
      need(`where[${i}].property`, filter.property);
      const missing = lacksComparison(filter);
      if (missing) out.push(`where[${i}].${missing}`);
    });
  switch (leaf.kind) {
    case "event":
      need("name", leaf.name);
      if (leaf.measure === "sum") need("property", leaf.property);
      compare();
      filters();
      if (leaf.window && !leaf.window.last && !leaf.window.from && !leaf.window.to) out.push("window");
      return out;
    case "attribute":
      need("name", leaf.name);
      compare();
      return out;
    case "time":
      need("name", leaf.name);
      compare();
      filters();
      return out;
    case "tag":
      need("name", leaf.name);
      return out;
    case "stage":
      need("values", (leaf.values ?? []).length > 0);
      return out;
    case "dormant":
      need("duration", leaf.duration);
      return out;
    case "segment":
      need("id", leaf.id);
      return out;
    case "reachable":
      return out;
  }
}

/** A tree without its unfinished conditions, and where what is left stood before. */
export interface Finished {
  rule: RuleNode;
  unfinished: Path[];
  /** Where a place of the finished tree stands in the whole one, both joined by commas. */
  origin: Map<string, Path>;
}

/** Leaves out what cannot be asked yet, so that the rest can. */
export function finished(root: RuleNode): Finished {
  const unfinished: Path[] = [];
  const origin = new Map<string, Path>();
  const keep = (node: RuleNode, from: Path, to: Path): RuleNode | null => {
    if (!isGroup(node)) {
      if (lacks(node as Leaf).length > 0) {
        unfinished.push(from);
        return null;
      }
      origin.set(to.join(), from);
      return node;
    }
    const of: RuleNode[] = [];
    (node.of ?? []).forEach((child, i) => {
      const kept = keep(child, [...from, i], [...to, of.length]);
      if (kept) of.push(kept);
    });
    // A group that is empty only for now says nothing: "any of nothing" would let nobody in.
    if (of.length === 0 && to.length > 0) return null;
    origin.set(to.join(), from);
    return change(node, { of });
  };
  const rule = keep(root, [], []) ?? { kind: "all", of: [] };
  return { rule, unfinished, origin };
}

/** Reads the indices out of a place that the API wrote: rule.of[1].where[0] → [1]. */
export function parsePath(text: string): Path {
  return [...text.matchAll(/\.of\[(\d+)\]/g)].map((m) => Number(m[1]));
}
