/** The shapes and calls of tasks. */
import { request } from "./http";
import type { Customer, Page } from "./types";

const enc = encodeURIComponent;

export type TaskState = "open" | "done" | "cancelled";
export type TaskOutcome = "reached" | "no_answer" | "not_interested" | "sold" | "other";

export const taskOutcomes: TaskOutcome[] = ["reached", "no_answer", "not_interested", "sold", "other"];

/** Something that somebody is to do for a customer. */
export interface Task {
  id: string;
  title: string;
  note: string;
  customer: Pick<Customer, "id" | "name" | "label"> | null;
  conversation_id: string | null;
  assignee_id: string | null;
  team_id: string | null;
  due_at: string | null;
  state: TaskState;
  outcome: TaskOutcome | "" | null;
  outcome_note: string;
  overdue: boolean;
  escalated_at: string | null;
  /** What made it; null for one made by hand. */
  source: { kind: string; journey_id: string; journey_name: string; node_id: string } | null;
  created_at: string;
  completed_at: string | null;
  version: number;
}

export interface NewTask {
  title: string;
  note?: string;
  customer_id?: string;
  conversation_id?: string;
  assignee_id?: string | null;
  team_id?: string | null;
  due_at?: string | null;
}

export type TaskPatch = Partial<Pick<NewTask, "title" | "note" | "assignee_id" | "team_id" | "due_at">>;

export interface TaskFilter {
  assignee?: string;
  team?: string;
  state?: TaskState;
  due?: "today" | "overdue" | "week";
  customer_id?: string;
  conversation_id?: string;
}

/** One function per call. */
export const tasksApi = {
  list: (filter: TaskFilter, cursor: string | null, limit: number, signal?: AbortSignal) => request<Page<Task>>("GET", "/tasks", { query: { ...filter, cursor, limit }, signal }),
  create: (body: NewTask) => request<Task>("POST", "/tasks", { body }),
  update: (id: string, body: TaskPatch) => request<Task>("PATCH", `/tasks/${enc(id)}`, { body }),
  complete: (id: string, body: { outcome: TaskOutcome; note: string; client_key: string }) => request<Task>("POST", `/tasks/${enc(id)}/complete`, { body }),
  reopen: (id: string) => request<Task>("POST", `/tasks/${enc(id)}/reopen`),
};
