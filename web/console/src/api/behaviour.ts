/** The shapes and calls of what people do and where they stand: stages, tags, events, tracking, sending rules. */
import { request } from "./http";
import type { RuleNode } from "./rule";
import type { components } from "./schema";
import type { Customer, CustomerEvent, Page } from "./types";

type Schemas = components["schemas"];
type Items<T> = { items: T[] };
const enc = encodeURIComponent;

/** How a list is asked for those who stand in no stage. */
export const NO_STAGE = "-";

export type Stage = Omit<Schemas["Stage"], "rule"> & { rule: RuleNode | null };
export type StageWriting = Pick<Stage, "name_en" | "name_zh" | "rule">;
/** How many went from one stage to another; "" is none. */
export type Movement = Schemas["StageMovement"];
export type StageChange = Schemas["StageChange"];
export type Tag = Schemas["Tag"];

/** What was seen under a name; for choosing instead of typing. */
export type ObservedName = Schemas["Observed"];
export type ObservedEvent = Schemas["EventName"];

export type WriteKey = Schemas["WriteKey"];
/** One call of the tracking API, as the debugger shows it. */
export type TrackingCall = Schemas["CallRecord"];
export type CallStatus = TrackingCall["status"];

/** When and how often automations may write to somebody. */
export type SendingRules = Schemas["Sending"];

export const behaviourApi = {
  stages: (signal?: AbortSignal) => request<Items<Stage>>("GET", "/stages", { signal }),
  createStage: ({ rule, ...body }: StageWriting & { key: string }) => request<Stage>("POST", "/stages", { body: rule ? { ...body, rule } : body }),
  updateStage: (key: string, body: Partial<StageWriting>) => request<Stage>("PATCH", `/stages/${enc(key)}`, { body }),
  deleteStage: (key: string) => request<void>("DELETE", `/stages/${enc(key)}`),
  orderStages: (keys: string[]) => request<Items<Stage> | void>("PUT", "/stages/order", { body: { keys } }),
  movement: (from: string, to: string, signal?: AbortSignal) => request<{ cells: Movement[] }>("GET", "/stages/movement", { query: { from, to }, signal }),
  moveStage: (customer: string, body: { stage: string; reason: string }) => request<Customer>("PUT", `/customers/${enc(customer)}/stage`, { body }),
  stageChanges: (customer: string, signal?: AbortSignal) => request<Page<StageChange>>("GET", `/customers/${enc(customer)}/stage-changes`, { signal }),

  tags: (signal?: AbortSignal) => request<Items<Tag>>("GET", "/tags", { signal }),
  changeTags: (customer: string, body: { add: string[]; remove: string[] }) => request<Customer>("PUT", `/customers/${enc(customer)}/tags`, { body }),

  eventNames: (signal?: AbortSignal) => request<Items<ObservedEvent>>("GET", "/event-names", { signal }),
  attributeNames: (signal?: AbortSignal) => request<Items<ObservedName>>("GET", "/attribute-names", { signal }),
  events: (query: { name?: string; customer_id?: string; from?: string; to?: string; cursor?: string | null; limit?: number }, signal?: AbortSignal) =>
    request<Page<CustomerEvent>>("GET", "/events", { query, signal }),

  writeKeys: (signal?: AbortSignal) => request<Items<WriteKey>>("GET", "/write-keys", { signal }),
  createWriteKey: (body: { name: string; kind: WriteKey["kind"] }) => request<WriteKey>("POST", "/write-keys", { body }),
  revokeWriteKey: (id: string) => request<void>("DELETE", `/write-keys/${enc(id)}`),
  trackingCalls: (query: { status?: string; write_key_id?: string; cursor?: string | null; limit?: number }, signal?: AbortSignal) =>
    request<Page<TrackingCall>>("GET", "/tracking/calls", { query, signal }),

  sending: (signal?: AbortSignal) => request<SendingRules>("GET", "/sending", { signal }),
  saveSending: (body: SendingRules) => request<SendingRules>("PUT", "/sending", { body }),
};
