/** The shapes and calls of journeys. */
import { request } from "./http";
import type { RuleFilter, RuleNode } from "./rule";
import type { components } from "./schema";
import type { Page } from "./types";

type Schemas = components["schemas"];

const enc = encodeURIComponent;

/** One version of a journey. */
export type Graph = Omit<Schemas["JourneyGraph"], "trigger" | "entry" | "exit" | "goal" | "nodes"> & { trigger: Trigger; entry: Entry; exit?: RuleNode; goal?: Goal; nodes: FlowNode[] };
export type Trigger = Omit<Schemas["JourneyTrigger"], "where" | "audience"> & { where?: RuleFilter[]; audience?: RuleNode };
export type TriggerKind = Trigger["kind"];
export type Entry = Omit<Schemas["JourneyEntry"], "rule"> & { rule?: RuleNode };
export type EntryPolicy = Entry["policy"];
export type Goal = Omit<Schemas["JourneyGoal"], "where"> & { where?: RuleFilter[] };

/** One step of a journey; which of the parts it has follows from its kind. */
export type FlowNode = Omit<Schemas["JourneyNode"], "wait" | "ways" | "attribute" | "task"> & {
  wait?: WaitStep;
  ways?: Way[];
  attribute?: { name: string; value: unknown };
  task?: TaskStep;
};
export type NodeKind = FlowNode["kind"];
export type MessageStep = Schemas["MessageStep"];
export type WaitStep = Omit<Schemas["WaitStep"], "where"> & { where?: RuleFilter[] };
export type Way = Omit<Schemas["JourneyWay"], "rule"> & { rule?: RuleNode };
export type TaskStep = Schemas["TaskStep"];
export type AssigneeKind = TaskStep["assignee"]["kind"];

/** What is wrong with a graph; node is "" for what belongs to the journey itself. */
export type FlowProblem = Schemas["JourneyProblem"];

export type Journey = Omit<Schemas["Journey"], "draft" | "live"> & { draft: Graph; live: Graph | null };
export type JourneyState = Journey["state"];
/** What a list shows of a journey. */
export type JourneyRow = Schemas["JourneySummary"];
export type NodeCount = Schemas["JourneyNodeCount"];

export type Enrollment = Schemas["Enrollment"];
export type EnrollmentState = Enrollment["state"];
/** One person's way through a journey. */
export type Passage = Schemas["EnrollmentPassage"];
export type EnrollmentStep = Schemas["EnrollmentStep"];
export type Reason = Schemas["JourneyReason"];
export type WhyEntered = Schemas["JourneyWhy"];

export type TestMove = { advance: string } | { event: { name: string; properties: Record<string, unknown> } } | { reply: true };
/** What would have happened to somebody at a node. */
export type TrialStep = Schemas["JourneyTrialStep"];
export type TestRun = Schemas["JourneyTrial"];
export type Preview = Schemas["MessagePreview"];
export type JourneyTemplate = Omit<Schemas["JourneyTemplate"], "graph" | "graph_zh"> & { graph: Graph; graph_zh: Graph };
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
  /** `draftVersion` is of the draft that is meant: another one is not published. */
  publish: (id: string, people: PublishPeople, draftVersion: number) => request<Journey>("POST", `/journeys/${enc(id)}/publish`, { body: { people, draft_version: draftVersion } }),
  move: (id: string, act: "pause" | "resume" | "stop") => request<Journey>("POST", `/journeys/${enc(id)}/${act}`),
  nodes: (id: string, signal?: AbortSignal) => request<List<NodeCount>>("GET", `/journeys/${enc(id)}/nodes`, { signal }),
  enrollments: (id: string, query: { state?: string; node?: string; outcome?: string; cursor?: string | null; limit?: number }, signal?: AbortSignal) =>
    request<Page<Enrollment>>("GET", `/journeys/${enc(id)}/enrollments`, { query, signal }),
  enrollment: (id: string, enrollment: string, signal?: AbortSignal) =>
    request<Passage>("GET", `/journeys/${enc(id)}/enrollments/${enc(enrollment)}`, { signal }),
  why: (id: string, customer: string, signal?: AbortSignal) => request<WhyEntered>("GET", `/journeys/${enc(id)}/why/${enc(customer)}`, { signal }),
  test: (id: string, body: { customer_id: string; graph: Graph; moves: TestMove[] }, signal?: AbortSignal) => request<TestRun>("POST", `/journeys/${enc(id)}/test`, { body, signal }),
  preview: (id: string, body: { message: MessageStep; customer_id: string }, signal?: AbortSignal) => request<Preview>("POST", `/journeys/${enc(id)}/preview`, { body, signal }),
};
