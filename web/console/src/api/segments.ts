/** The shapes and calls of segments. */
import { request } from "./http";
import type { RuleNode, Why } from "./rule";
import type { Customer, Page } from "./types";

const enc = encodeURIComponent;

export interface SegmentUser {
  kind: "segment" | "journey" | "stage";
  /** Of a stage its key. */
  id: string;
  name: string;
}

export interface Segment {
  id: string;
  name: string;
  description: string;
  rule: RuleNode;
  state: "building" | "ready" | "failed";
  /** Of a build, in percent. */
  progress: number;
  size: number;
  version: number;
  used_by: SegmentUser[];
  created_at: string;
  updated_at: string;
  /** Until when everything that happened is in it. */
  fresh_at: string;
}

export interface SegmentWriting {
  name: string;
  description: string;
  rule: RuleNode;
}

export interface SegmentPreview {
  count: number;
  total: number;
  sample: Customer[];
  reach: Record<string, number>;
  rows: { path: string; count: number }[];
  took_ms: number;
}

export interface Member {
  customer: Customer;
  since: string;
  valid_until: string | null;
}

export interface MembershipChange {
  id: string;
  customer: Pick<Customer, "id" | "name" | "label">;
  entered: boolean;
  reason: "event" | "time" | "profile" | "merge" | "erase" | "definition";
  at: string;
}

export interface Explanation {
  match: boolean;
  until: string | null;
  why: Why;
}

export const segmentsApi = {
  list: (signal?: AbortSignal) => request<{ items: Segment[] }>("GET", "/segments", { signal }),
  one: (id: string, signal?: AbortSignal) => request<Segment>("GET", `/segments/${enc(id)}`, { signal }),
  create: (body: SegmentWriting) => request<Segment>("POST", "/segments", { body }),
  update: (id: string, body: SegmentWriting & { version?: number }) => request<Segment>("PUT", `/segments/${enc(id)}`, { body }),
  /** `last`: the page may be closing. */
  remove: (id: string, last = false) => request<void>("DELETE", `/segments/${enc(id)}`, { keepalive: last }),
  rebuild: (id: string) => request<void>("POST", `/segments/${enc(id)}/rebuild`),
  preview: (rule: RuleNode, signal?: AbortSignal) => request<SegmentPreview>("POST", "/segments/preview", { body: { rule }, signal }),
  members: (id: string, q: string, cursor: string | null, signal?: AbortSignal) =>
    request<Page<Member>>("GET", `/segments/${enc(id)}/members`, { query: { q, cursor, limit: 50 }, signal }),
  changes: (id: string, cursor: string | null, signal?: AbortSignal) =>
    request<Page<MembershipChange>>("GET", `/segments/${enc(id)}/changes`, { query: { cursor, limit: 50 }, signal }),
  why: (rule: RuleNode, customer: string, signal?: AbortSignal) =>
    request<Explanation>("POST", "/segments/why", { body: { rule, customer_id: customer }, signal }),
};
