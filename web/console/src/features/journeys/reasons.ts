import type { JourneyState, Reason } from "@/api/journeys";
import { i18n } from "@/i18n";
import { full } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";

const ends = ["end", "exit_node", "exit_rule", "goal", "merged", "stopped", "new_version", "node_removed", "erased", "internal"] as const;

/** Why somebody's way ended. */
export function endText(reason: string | null | undefined): string {
  if (!reason) return "";
  const known = ends.find((e) => e === reason);
  return known ? i18n.t(`journeys.endReason.${known}`) : (sentenceFor({ code: reason }) ?? reason);
}

const objections = ["inside", "once", "cooldown", "rule", "exit_rule", "late", "imported"] as const;
const states: JourneyState[] = ["draft", "live", "paused", "stopped"];

const instant = (value: unknown): string => (typeof value === "string" && !Number.isNaN(Date.parse(value)) ? full(value) : "");

/** Why somebody has not entered, as a sentence. */
export function reasonText(reason: Reason): string {
  const params = reason.params ?? {};
  if (reason.code === "never_triggered") return i18n.t("journeys.why.never_triggered");
  if (reason.code === "not_live") {
    const state = states.find((s) => s === params.state);
    return i18n.t("journeys.why.not_live", { state: state ? i18n.t(`journeys.state.${state}`) : "" });
  }
  const parts = /^(entry|last)_(\w+)$/.exec(reason.code);
  const known = objections.find((o) => o === parts?.[2]);
  if (!known) return sentenceFor(reason) ?? i18n.t("journeys.problemUnknown", { code: reason.code });
  const words = i18n.t(`journeys.why.${known}`, { at: instant(params.at), until: instant(params.until) });
  return parts?.[1] === "last" ? i18n.t("journeys.why.last", { time: instant(params.refused_at), reason: words }) : words;
}
