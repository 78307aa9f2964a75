/** The shapes and calls of segments. */
import { request } from "./http";
import type { RuleNode, Why } from "./rule";
import type { components } from "./schema";
import type { Customer, Page } from "./types";

type Schemas = components["schemas"];

const enc = encodeURIComponent;

/** What needs a segment. */
export type SegmentUser = Schemas["SegmentUse"];
export type Segment = Omit<Schemas["Segment"], "rule"> & { rule: RuleNode };
export type SegmentWriting = Pick<Segment, "name" | "description" | "rule">;
export type SegmentPreview = Schemas["SegmentPreview"];
export type Member = Omit<Schemas["SegmentMember"], "customer"> & { customer: Customer };
export type MembershipChange = Schemas["MembershipChange"];
/** A segment that one customer is in. */
export type CustomerSegment = Schemas["CustomerSegment"];

/** Why a rule is or is not true of somebody. */
export interface Explanation {
  match: boolean;
  /** When that may change by time alone. */
  until: string | null;
  why: Why;
}

export const segmentsApi = {
  list: (signal?: AbortSignal) => request<{ items: Segment[] }>("GET", "/segments", { signal }),
  one: (id: string, signal?: AbortSignal) => request<Segment>("GET", `/segments/${enc(id)}`, { signal }),
  create: (body: SegmentWriting) => request<Segment>("POST", "/segments", { body }),
  update: (id: string, body: SegmentWriting & { version: number }) => request<Segment>("PUT", `/segments/${enc(id)}`, { body }),
  /** `last`: the page may be closing. */
  remove: (id: string, last = false) => request<void>("DELETE", `/segments/${enc(id)}`, { keepalive: last }),
  rebuild: (id: string) => request<Segment>("POST", `/segments/${enc(id)}/rebuild`),
  preview: (rule: RuleNode, signal?: AbortSignal) => request<SegmentPreview>("POST", "/segments/preview", { body: { rule }, signal }),
  members: (id: string, q: string, cursor: string | null, signal?: AbortSignal) =>
    request<Page<Member>>("GET", `/segments/${enc(id)}/members`, { query: { q, cursor, limit: 50 }, signal }),
  changes: (id: string, cursor: string | null, signal?: AbortSignal) =>
    request<Page<MembershipChange>>("GET", `/segments/${enc(id)}/changes`, { query: { cursor, limit: 50 }, signal }),
  ofCustomer: (customer: string, signal?: AbortSignal) => request<{ items: CustomerSegment[] }>("GET", `/customers/${enc(customer)}/segments`, { signal }),
  why: (rule: RuleNode, customer: string, signal?: AbortSignal) =>
    request<Explanation>("POST", "/segments/why", { body: { rule, customer_id: customer }, signal }),
};
