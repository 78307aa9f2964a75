import type { RuleNode } from "@/api/rule";
import { i18n } from "@/i18n";
import { finished, lacks } from "./leaf";
import { nodeAt, pathText, type Leaf } from "./tree";

/** What a rule still lacks, as problems for its editor; empty when it can be saved. */
export function unfinishedProblems(rule: RuleNode, prefix = "rule"): Record<string, string> {
  const out: Record<string, string> = {};
  for (const path of finished(rule).unfinished) {
    for (const field of lacks(nodeAt(rule, path) as Leaf)) out[`${pathText(prefix, path)}.${field}`] = i18n.t("rule.lacking");
  }
  return out;
}
