/** The language of conditions on a customer; see docs/protocol.md and segments/rule. */

export type GroupKind = "all" | "any" | "none";
export type LeafKind = "attribute" | "tag" | "stage" | "event" | "time" | "dormant" | "segment" | "reachable";

export type Comparison =
  | "equals"
  | "not_equals"
  | "in"
  | "not_in"
  | "contains"
  | "not_contains"
  | "starts_with"
  | "ends_with"
  | "exists"
  | "not_exists"
  | "at_least"
  | "more_than"
  | "at_most"
  | "less_than"
  | "before"
  | "after"
  | "within_last"
  | "more_than_ago"
  | "within_next";

/** A condition on a property of an event; nested properties are named with dots. */
export interface RuleFilter {
  property: string;
  op: Comparison;
  value?: unknown;
  values?: unknown[];
  duration?: string;
}

/** When an event counts: the last so long, or from and to, either of which may be open. */
export interface RuleWindow {
  last?: string;
  from?: string;
  to?: string;
}

/** A node of a tree of conditions; which fields a kind has is said in segments/rule. */
export interface RuleNode {
  kind: GroupKind | LeafKind;
  of?: RuleNode[];
  name?: string;
  op?: Comparison;
  value?: unknown;
  values?: unknown[];
  where?: RuleFilter[];
  measure?: "count" | "sum";
  property?: string;
  window?: RuleWindow;
  which?: "first" | "last";
  /** 90m, 12h, 30d, 2w. */
  duration?: string;
  /** Of the segment. */
  id?: string;
  channel?: string;
  purpose?: "marketing" | "transactional";
}

/** Whether a tree, or a part of it, is true of one person, and what was found of them. */
export interface Why {
  path?: string;
  match: boolean;
  /** When it may change by time alone. */
  until?: string | null;
  actual?: unknown;
  of?: Why[] | null;
}
