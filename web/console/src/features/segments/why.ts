import type { RuleNode, Why } from "@/api/rule";
import { i18n } from "@/i18n";
import { full, number } from "@/i18n/format";
import { isGroup, negated, type Leaf } from "./rules/tree";
import { attributeName, leafPieces, type Names, type Piece } from "./rules/words";

/** One line of the answer why somebody is in or out. */
export interface WhyLine {
  match: boolean;
  /** What the line says; of a group how its parts are joined. */
  pieces: Piece[];
  /** What was found of the person; "" when the sentence says it all. */
  actual: string;
  group: boolean;
  /** When this may change by time alone. */
  until: string | null;
  of: WhyLine[];
}

const isInstant = (value: unknown): value is string => typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value));

function plain(value: unknown): string {
  if (value === null || value === undefined || value === "") return i18n.t("why.noValue");
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return i18n.t(value ? "rule.yes" : "rule.no");
  if (Array.isArray(value)) return value.map(plain).join(i18n.t("rule.comma"));
  return isInstant(value) ? full(value) : String(value);
}

/** What was found of a person, in words. */
export function actualText(leaf: RuleNode, actual: unknown, names: Names): string {
  switch (leaf.kind) {
    case "event":
      if (typeof actual !== "number") return plain(actual);
      return leaf.measure === "sum" ? i18n.t("why.sum", { value: number(actual) }) : i18n.t("why.count", { count: actual, number: number(actual) });
    case "time":
      return actual ? plain(actual) : i18n.t("why.never");
    case "dormant":
      return isInstant(actual) ? i18n.t("why.seen", { time: full(actual) }) : "";
    case "attribute":
      return i18n.t("why.value", { name: attributeName(leaf.name ?? ""), value: plain(actual) });
    case "stage": {
      const { stage = "", since = null } = (actual ?? {}) as { stage?: string; since?: string | null };
      const name = stage ? names.stage(stage) : i18n.t("rule.noStage");
      return since ? i18n.t("why.stageSince", { name, time: full(since) }) : name;
    }
    default:
      return "";
  }
}

/** Joins a rule with the answer for one person. `inner` gives the rule of another segment. */
export function whyLines(node: RuleNode, why: Why, names: Names, inner: (id: string) => RuleNode | undefined): WhyLine {
  const until = why.until ?? null;
  const not = negated(node);
  const below = not ? why.of?.[0] : why;
  const leaf = (not ?? node) as Leaf;
  if (not || !isGroup(node)) {
    const of: WhyLine[] = [];
    const rule = leaf.kind === "segment" && leaf.id ? inner(leaf.id) : undefined;
    const deeper = below?.of?.[0];
    if (rule && deeper) of.push(whyLines(rule, deeper, names, inner));
    return { match: why.match, pieces: leafPieces(leaf, names, not !== null), actual: actualText(leaf, below?.actual, names), group: false, until, of };
  }
  const of = (node.of ?? []).flatMap((child, i) => {
    const answer = why.of?.[i];
    return answer ? [whyLines(child, answer, names, inner)] : [];
  });
  return { match: why.match, pieces: [i18n.t(of.length === 0 ? (node.kind === "any" ? "rule.nobody" : "rule.everybody") : `rule.group.${node.kind}`)], actual: "", group: true, until, of };
}
