import type { Comparison, RuleFilter, RuleNode, RuleWindow } from "@/api/rule";
import { eventName } from "@/features/customers/events";
import { channelName } from "@/features/channels/channels";
import { i18n } from "@/i18n";
import { full, number } from "@/i18n/format";
import { parseDuration } from "./duration";
import { against } from "./leaf";
import { isGroup, negated, type Leaf } from "./tree";

/** A piece of a sentence: words, or something that was chosen and may be set off. */
export type Piece = string | { name: string };

/** How things that a rule names by id or key are called. */
export interface Names {
  segment: (id: string) => string;
  stage: (key: string) => string;
}

/** A sentence of the catalogue with its slots still open: words and the names of slots. */
export function slotted(template: string): (string | { slot: string })[] {
  return template
    .split(/\u0002(\w+)\u0003/)
    .map((part, i) => (i % 2 ? { slot: part } : part))
    .filter((part) => part !== "");
}

/** What to give a sentence so that a slot stays open. */
export const open = (slot: string): string => `\u0002${slot}\u0003`;

function fill(template: string, slots: Record<string, Piece[]>): Piece[] {
  return slotted(template).flatMap((part) => (typeof part === "string" ? [part] : (slots[part.slot] ?? [])));
}

const builtIn = ["$name", "$locale", "$timezone", "$created_at", "$last_seen_at"] as const;

/** What an attribute is called; the built-in ones in the reader's language. */
export function attributeName(name: string): string {
  const known = builtIn.find((b) => b === name);
  return known ? i18n.t(`rule.builtIn.${known.slice(1) as "name"}`) : name;
}

/** A length like 30d, in words. */
export function durationText(text: string | undefined): string {
  const parsed = parseDuration(text);
  if (!parsed) return text ?? "…";
  return i18n.t(`rule.duration.${parsed.unit}`, { count: parsed.count, number: number(parsed.count) });
}

function valueText(value: unknown): string {
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return i18n.t(value ? "rule.yes" : "rule.no");
  return value === undefined || value === null || value === "" ? "…" : String(value);
}

function instantText(value: unknown): string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value)) ? full(value) : "…";
}

const joined = (values: string[]) => values.join(i18n.t("rule.comma"));

type Compared = Pick<RuleNode, "op" | "value" | "values" | "duration">;

/** What something is compared with, in words. */
function comparedText(held: Compared): string {
  switch (against(held.op ?? "equals")) {
    case "nothing":
      return "";
    case "many":
      return joined((held.values ?? []).map(valueText)) || "…";
    case "length":
      return durationText(held.duration);
    case "instant":
      return instantText(held.value);
    case "one":
      return valueText(held.value);
  }
}

/** "is at least 100", "was within the last 30 days". */
function comparison(held: Compared): Piece[] {
  return fill(i18n.t(`rule.compare.${held.op ?? "equals"}`, { value: open("value") }), { value: [{ name: comparedText(held) }] });
}

/** "in the last 30 days". */
export function windowText(window: RuleWindow | undefined): string {
  if (window?.last) return i18n.t("rule.window.last", { value: durationText(window.last) });
  if (window?.from && window.to) return i18n.t("rule.window.between", { from: instantText(window.from), to: instantText(window.to) });
  if (window?.from) return i18n.t("rule.window.since", { from: instantText(window.from) });
  if (window?.to) return i18n.t("rule.window.until", { to: instantText(window.to) });
  return i18n.t("rule.window.ever");
}

export type CountOp = "at_least" | "more_than" | "at_most" | "less_than" | "equals" | "not_equals";
export const countOps: CountOp[] = ["at_least", "at_most", "equals", "more_than", "less_than", "not_equals"];

function countOpText(op: Comparison | undefined): string {
  const known = countOps.find((o) => o === op) ?? "at_least";
  return i18n.t(`rule.count.${known}`);
}

/** How an event condition is read: how often, never, or what a property sums up to. */
export function eventMode(leaf: RuleNode): "count" | "never" | "sum" {
  if (leaf.measure === "sum") return "sum";
  return leaf.op === "equals" && leaf.value === 0 ? "never" : "count";
}

function filterPieces(filters: RuleFilter[] | undefined): Piece[] {
  const out: Piece[] = [];
  (filters ?? []).forEach((filter, i) => {
    out.push(i === 0 ? i18n.t("rule.where") : i18n.t("rule.and"), { name: filter.property || "…" }, " ", ...comparison(filter));
  });
  return out;
}

function eventPieces(leaf: RuleNode): Piece[] {
  const mode = eventMode(leaf);
  const slots = {
    event: [{ name: leaf.name ? eventName(leaf.name) : "…" }],
    window: [windowText(leaf.window)],
    property: [{ name: leaf.property || "…" }],
    op: [countOpText(leaf.op)],
    value: [{ name: valueText(leaf.value) }],
  };
  const open4 = { event: open("event"), window: open("window"), op: open("op"), value: open("value") };
  const sentence =
    mode === "sum"
      ? i18n.t("rule.say.sum", { ...open4, property: open("property") })
      : mode === "never"
        ? i18n.t("rule.say.never", { event: open4.event, window: open4.window })
        : i18n.t("rule.say.count", { ...open4, count: typeof leaf.value === "number" ? leaf.value : 2 });
  return [...fill(sentence, slots), ...filterPieces(leaf.where)];
}

/** One condition as a sentence; `not` when it stands inside "none of". */
export function leafPieces(leaf: Leaf, names: Names, not = false): Piece[] {
  const one = (template: string, slots: Record<string, string>) => fill(template, Object.fromEntries(Object.entries(slots).map(([slot, name]) => [slot, [{ name }]])));
  const mode = not ? "not" : "is";
  switch (leaf.kind) {
    case "event":
      return eventPieces(leaf);
    case "attribute":
      return [{ name: leaf.name ? attributeName(leaf.name) : "…" }, " ", ...comparison(leaf)];
    case "time":
      return [...fill(i18n.t("rule.say.time", { event: open("event"), which: open("which"), when: open("when") }), {
        event: [{ name: leaf.name ? eventName(leaf.name) : "…" }],
        which: [i18n.t(leaf.which === "first" ? "rule.first" : "rule.last")],
        when: comparison(leaf),
      }), ...filterPieces(leaf.where)];
    case "tag":
      return one(i18n.t(`rule.say.tag.${mode}`, { name: open("name") }), { name: leaf.name || "…" });
    case "stage": {
      const stages = joined((leaf.values ?? []).map((key) => (key === "" ? i18n.t("rule.noStage") : names.stage(String(key))))) || "…";
      const said = one(i18n.t(`rule.say.stage.${mode}`, { values: open("values") }), { values: stages });
      return leaf.duration ? [...said, i18n.t("rule.forAtLeast", { value: durationText(leaf.duration) })] : said;
    }
    case "dormant":
      return one(i18n.t(`rule.say.dormant.${mode}`, { value: open("value") }), { value: durationText(leaf.duration) });
    case "segment":
      return one(i18n.t(`rule.say.segment.${mode}`, { name: open("name") }), { name: leaf.id ? names.segment(leaf.id) : "…" });
    case "reachable":
      return one(i18n.t(`rule.say.reachable.${mode}`, { channel: open("channel"), purpose: i18n.t(`consents.${leaf.purpose ?? "marketing"}`) }), {
        channel: !leaf.channel || leaf.channel === "any" ? i18n.t("rule.anyChannel") : channelName(leaf.channel),
      });
  }
}

/** A whole tree in one sentence. */
export function rulePieces(node: RuleNode, names: Names, inside = false): Piece[] {
  const not = negated(node);
  if (not) return leafPieces(not, names, true);
  if (!isGroup(node)) return leafPieces(node as Leaf, names);
  const parts = (node.of ?? []).map((child) => rulePieces(child, names, true));
  if (parts.length === 0) return [i18n.t(node.kind === "any" ? "rule.nobody" : "rule.everybody")];
  const joint = i18n.t(node.kind === "all" ? "rule.jointAll" : "rule.jointAny");
  const body = parts.flatMap((part, i) => (i === 0 ? part : [joint, ...part]));
  if (node.kind === "none") return fill(i18n.t("rule.noneOf", { rule: open("rule") }), { rule: body });
  return inside && parts.length > 1 ? fill(i18n.t("rule.bracket", { rule: open("rule") }), { rule: body }) : body;
}

/** A whole tree in one plain sentence, for titles and labels. */
export function ruleText(node: RuleNode, names: Names): string {
  return rulePieces(node, names)
    .map((piece) => (typeof piece === "string" ? piece : piece.name))
    .join("");
}
