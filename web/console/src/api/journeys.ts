/** The shapes and calls of journeys. */
import { request } from "./http";
import type { RuleFilter, RuleNode } from "./rule";
import type { Customer, Page } from "./types";

const enc = encodeURIComponent;

export type TriggerKind = "event" | "segment_entered" | "segment_left" | "stage_changed" | "schedule";

export interface Trigger {
  kind: TriggerKind;
  event?: string;
  where?: RuleFilter[];
  segment?: string;
  from?: string[];
  to?: string[];
  cron?: string;
  zone?: string;
  audience?: RuleNode;
}

export type EntryPolicy = "once" | "after_exit" | "cooldown";

export interface Entry {
  policy: EntryPolicy;
  cooldown?: string;
  rule?: RuleNode;
  max_lateness?: string;
}

export interface Goal {
  event: string;
  where?: RuleFilter[];
  within?: string;
  exit?: boolean;
}

export type NodeKind = "message" | "delay" | "until" | "wait" | "branch" | "split" | "attribute" | "tag" | "stage" | "task" | "exit";
export type Purpose = "marketing" | "transactional";
export type AssigneeKind = "teammate" | "team" | "conversation" | "least" | "nobody";

export interface MessageStep {
  channels: string[];
  purpose: Purpose;
  subject?: string;
  body: string;
}

export interface WaitStep {
  reply?: boolean;
  event?: string;
  where?: RuleFilter[];
  for: string;
}

export interface Way {
  name?: string;
  rule?: RuleNode;
  percent?: number;
  holdout?: boolean;
  next?: string;
}

export interface TaskStep {
  title: string;
  note?: string;
  due: string;
  assignee: { kind: AssigneeKind; id?: string };
}

/** One step of a journey; which of the parts it has follows from its kind. */
export interface FlowNode {
  id: string;
  kind: NodeKind;
  name?: string;
  next?: string;
  else?: string;
  message?: MessageStep;
  delay?: { for: string };
  until?: { at: string; weekdays?: number[]; zone?: string };
  wait?: WaitStep;
  ways?: Way[];
  attribute?: { name: string; value: unknown };
  tag?: { add?: string[]; remove?: string[] };
  stage?: { to: string; forward_only?: boolean };
  task?: TaskStep;
}

/** One version of a journey. */
export interface Graph {
  trigger: Trigger;
  entry: Entry;
  exit?: RuleNode;
  goal?: Goal;
  start?: string;
  nodes: FlowNode[];
}

/** What is wrong with a graph; node is "" for what belongs to the journey itself. */
export interface FlowProblem {
  node: string;
  field: string;
  code: string;
  params?: Record<string, unknown>;
  severity: "error" | "warning";
}

export type JourneyState = "draft" | "live" | "paused" | "stopped";

export interface Journey {
  id: string;
  name: string;
  state: JourneyState;
  draft: Graph;
  draft_version: number;
  /** Number of the version that is live; null before the first. */
  version: number | null;
  live: Graph | null;
  problems: FlowProblem[];
  entered: number;
  active: number;
  completed: number;
  goals: number;
  updated_at: string;
}

/** What a list shows of a journey. */
export type JourneyRow = Omit<Journey, "draft" | "live" | "problems"> & Partial<Pick<Journey, "draft" | "live" | "problems">>;

export interface NodeCount {
  node: string;
  waiting: number;
  entered: number;
  left: number;
  outcomes: Record<string, number>;
}

export type EnrollmentState = "active" | "completed" | "exited" | "goal" | "failed";

export interface Enrollment {
  id: string;
  customer: Pick<Customer, "id" | "name" | "label">;
  state: EnrollmentState;
  node: string;
  version: number;
  started_at: string;
  ended_at: string | null;
  end_reason: string | null;
  wake_at: string | null;
  holdout: boolean;
}

/** One thing that happened, or would happen, to somebody on the way. */
export interface EnrollmentStep {
  visit?: number;
  node: string;
  kind: string;
  at: string;
  outcome: string;
  detail?: unknown;
}

export interface Reason {
  code: string;
  params?: Record<string, unknown>;
}

export interface WhyEntered {
  entered: Enrollment[];
  reasons: Reason[];
}

export type TestMove = { advance: string } | { event: { name: string; properties: Record<string, unknown> } } | { reply: true };

export interface TestRun {
  steps: EnrollmentStep[];
  waiting?: { node: string; until?: string | null } | null;
  ended?: { reason?: string; at?: string } | string | null;
}

export interface Preview {
  subject: string;
  body: string;
  channel: string;
}

export interface JourneyTemplate {
  key: string;
  name_en: string;
  name_zh: string;
  description_en: string;
  description_zh: string;
  graph: Graph;
}

export type PublishPeople = "follow" | "finish_old" | "exit";

interface List<T> {
  items: T[];
}

/** One function per call. */
export const journeysApi = {
  list: (signal?: AbortSignal) => request<List<JourneyRow>>("GET", "/journeys", { signal }),
  templates: (signal?: AbortSignal) => request<List<JourneyTemplate>>("GET", "/journey-templates", { signal }),
  create: (body: { name: string; graph?: Graph }) => request<Journey>("POST", "/journeys", { body }),
  get: (id: string, signal?: AbortSignal) => request<Journey>("GET", `/journeys/${enc(id)}`, { signal }),
  save: (id: string, body: { name: string; graph: Graph; draft_version: number }) => request<Journey>("PUT", `/journeys/${enc(id)}`, { body }),
  remove: (id: string) => request<void>("DELETE", `/journeys/${enc(id)}`),
  check: (id: string, graph: Graph, signal?: AbortSignal) => request<{ problems: FlowProblem[] }>("POST", `/journeys/${enc(id)}/check`, { body: { graph }, signal }),
  publish: (id: string, people: PublishPeople) => request<Journey>("POST", `/journeys/${enc(id)}/publish`, { body: { people } }),
  move: (id: string, act: "pause" | "resume" | "stop") => request<Journey>("POST", `/journeys/${enc(id)}/${act}`),
  nodes: (id: string, signal?: AbortSignal) => request<List<NodeCount>>("GET", `/journeys/${enc(id)}/nodes`, { signal }),
  enrollments: (id: string, query: { state?: string; node?: string; cursor?: string | null; limit?: number }, signal?: AbortSignal) =>
    request<Page<Enrollment>>("GET", `/journeys/${enc(id)}/enrollments`, { query, signal }),
  enrollment: (id: string, enrollment: string, signal?: AbortSignal) =>
    request<Enrollment & { steps: EnrollmentStep[] }>("GET", `/journeys/${enc(id)}/enrollments/${enc(enrollment)}`, { signal }),
  why: (id: string, customer: string, signal?: AbortSignal) => request<WhyEntered>("GET", `/journeys/${enc(id)}/why/${enc(customer)}`, { signal }),
  test: (id: string, body: { customer_id: string; graph: Graph; moves: TestMove[] }, signal?: AbortSignal) => request<TestRun>("POST", `/journeys/${enc(id)}/test`, { body, signal }),
  preview: (id: string, body: { message: MessageStep; customer_id: string }, signal?: AbortSignal) => request<Preview>("POST", `/journeys/${enc(id)}/preview`, { body, signal }),
};
