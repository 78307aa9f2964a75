import type { FlowNode, FlowProblem, Goal, NodeKind, Trigger } from "@/api/journeys";
import { channelName } from "@/features/channels/channels";
import { eventName } from "@/features/customers/events";
import { durationText, ruleText, type Names as RuleNames } from "@/features/segments/rules/words";
import { i18n } from "@/i18n";
import { share } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";
import { scheduleText, weekdayName } from "./schedule";

/** How things that a journey names by id or key are called. */
export interface Names extends RuleNames {
  teammate: (id: string) => string;
  team: (id: string) => string;
}

/** What colours a node: what it speaks, when, which way, or what it writes down. */
export type Tone = "message" | "timing" | "logic" | "data";

export const palette: Record<Tone, NodeKind[]> = {
  message: ["message"],
  timing: ["delay", "until", "wait"],
  logic: ["branch", "split", "exit"],
  data: ["stage", "task", "tag", "attribute"],
};

export function toneOf(kind: NodeKind): Tone {
  return (Object.keys(palette) as Tone[]).find((tone) => palette[tone].includes(kind)) ?? "data";
}

export const kindName = (kind: NodeKind): string => i18n.t(`journeys.kind.${kind}`);

/** What a node is called: its own name, or its kind. */
export const titleOf = (node: Pick<FlowNode, "kind" | "name">): string => node.name?.trim() || kindName(node.kind);

const list = (values: string[]): string => values.join(i18n.t("rule.comma"));

function daysText(days: readonly number[] | null | undefined): string {
  const sorted = [...(days ?? [])].sort();
  if (sorted.length === 0 || sorted.length === 7) return i18n.t("journeys.say.everyDay");
  if (sorted.join() === "1,2,3,4,5") return i18n.t("journeys.say.workdays");
  return list(sorted.map(weekdayName));
}

function assigneeText(node: FlowNode, names: Names): string {
  const assignee = node.task?.assignee;
  if (!assignee) return "";
  if (assignee.kind === "teammate") return assignee.id ? names.teammate(assignee.id) : "…";
  if (assignee.kind === "team") return assignee.id ? names.team(assignee.id) : "…";
  return i18n.t(`journeys.assignee.${assignee.kind}`);
}

/** A Liquid text on one line, without its instructions. */
const oneLine = (text: string | undefined): string => (text ?? "").replace(/\{%.*?%\}/gs, " ").replace(/\s+/g, " ").trim();

/** What a node does, on one line. */
export function lineOf(node: FlowNode, names: Names): string {
  const t = i18n.t;
  switch (node.kind) {
    case "message":
      return oneLine(node.message?.subject) || oneLine(node.message?.body) || t("journeys.say.noText");
    case "delay":
      return t("journeys.say.delay", { length: durationText(node.delay?.for) });
    case "until":
      return t("journeys.say.until", { time: node.until?.at || "…", days: daysText(node.until?.weekdays) });
    case "wait":
      return node.wait?.reply ? t("journeys.say.waitReply", { length: durationText(node.wait.for) }) : t("journeys.say.waitEvent", { event: node.wait?.event ? eventName(node.wait.event) : "…", length: durationText(node.wait?.for) });
    case "branch":
      return list((node.ways ?? []).map((_, i) => wayName(node, String(i), names)));
    case "split":
      return (node.ways ?? []).map((w) => `${share((w.percent ?? 0) / 100)}${w.holdout ? ` ${t("journeys.holdout")}` : ""}`).join(" · ");
    case "attribute":
      return node.attribute?.value === null ? t("journeys.say.unset", { name: node.attribute.name || "…" }) : t("journeys.say.set", { name: node.attribute?.name || "…", value: String(node.attribute?.value ?? "") || "…" });
    case "tag":
      return [...(node.tag?.add ?? []).map((x) => `+ ${x}`), ...(node.tag?.remove ?? []).map((x) => `− ${x}`)].join("  ") || "…";
    case "stage":
      return node.stage?.to ? t("journeys.say.stage", { stage: names.stage(node.stage.to) }) : "…";
    case "task":
      return t("journeys.say.task", { title: oneLine(node.task?.title) || "…", due: durationText(node.task?.due), who: assigneeText(node, names) });
    case "exit":
      return t("journeys.say.exit");
  }
}

/** Which channels a message tries, in order. */
export const channelsText = (channels: readonly string[] | null | undefined): string => (channels ?? []).map(channelName).join(" → ");

/** What one of several ways out is called; "" when there is only one. */
export function wayName(node: FlowNode, port: string, names: Names): string {
  const t = i18n.t;
  if (port === "else") return t(node.kind === "wait" ? "journeys.way.timeout" : node.kind === "message" ? "journeys.way.unreachable" : "journeys.way.others");
  if (port === "next") return node.kind === "wait" ? t(node.wait?.reply ? "journeys.way.replied" : "journeys.way.happened") : node.kind === "message" ? t("journeys.way.sent") : "";
  const way = node.ways?.[Number(port)];
  if (!way) return "";
  if (node.kind === "split") return [share((way.percent ?? 0) / 100), way.name || (way.holdout ? t("journeys.holdout") : "")].filter(Boolean).join(" · ");
  return way.name || (way.rule ? ruleText(way.rule, names) : "…");
}

/** What starts a journey, on one line. */
export function triggerLine(trigger: Trigger, names: Names): string {
  const t = i18n.t;
  const stages = (keys: string[] | null | undefined) => (keys && keys.length > 0 ? list(keys.map(names.stage)) : t("journeys.say.anyStage"));
  switch (trigger.kind) {
    case "event":
      return t("journeys.say.onEvent", { event: trigger.event ? eventName(trigger.event) : "…" });
    case "segment_entered":
      return t("journeys.say.onEntered", { segment: trigger.segment ? names.segment(trigger.segment) : "…" });
    case "segment_left":
      return t("journeys.say.onLeft", { segment: trigger.segment ? names.segment(trigger.segment) : "…" });
    case "stage_changed":
      return t("journeys.say.onStage", { from: stages(trigger.from), to: stages(trigger.to) });
    case "schedule":
      return scheduleText(trigger.cron ?? "");
  }
}

/** What a journey is for, on one line. */
export const goalLine = (goal: Goal): string => i18n.t("journeys.say.goal", { event: goal.event ? eventName(goal.event) : "…", within: durationText(goal.within || "30d") });

/** What is wrong, as a sentence. */
export function problemText(problem: FlowProblem): string {
  return sentenceFor(problem) ?? i18n.t("journeys.problemUnknown", { code: problem.code });
}
