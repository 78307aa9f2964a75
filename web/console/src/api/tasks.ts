/** The shapes and calls of tasks. */
import { request } from "./http";
import type { components } from "./schema";
import type { Page } from "./types";

const enc = encodeURIComponent;

/** Something that somebody is to do for a customer. */
export type Task = components["schemas"]["Task"];
export type TaskState = Task["state"];
export type TaskOutcome = NonNullable<Task["outcome"]>;

export const taskOutcomes: TaskOutcome[] = ["reached", "no_answer", "not_interested", "sold", "other"];

export interface NewTask {
  title: string;
  note?: string;
  customer_id?: string;
  conversation_id?: string;
  assignee_id?: string | null;
  team_id?: string | null;
  due_at?: string | null;
  /** The client's name for this wish. */
  client_key?: string;
}

export type TaskPatch = Partial<Pick<NewTask, "title" | "note" | "assignee_id" | "team_id" | "due_at">>;

export interface TaskFilter {
  /** "me", "none" or a teammate. */
  assignee?: string;
  team_id?: string;
  state?: TaskState;
  customer_id?: string;
  conversation_id?: string;
}

/** One function per call. */
export const tasksApi = {
  list: (filter: TaskFilter, cursor: string | null, limit: number, signal?: AbortSignal) => request<Page<Task>>("GET", "/tasks", { query: { ...filter, cursor, limit }, signal }),
  create: (body: NewTask) => request<Task>("POST", "/tasks", { body: Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)) }),
  update: (id: string, body: TaskPatch) => request<Task>("PATCH", `/tasks/${enc(id)}`, { body }),
  complete: (id: string, body: { outcome: TaskOutcome; note: string; client_key: string }) => request<Task>("POST", `/tasks/${enc(id)}/complete`, { body }),
  cancel: (id: string) => request<Task>("POST", `/tasks/${enc(id)}/cancel`),
  reopen: (id: string) => request<Task>("POST", `/tasks/${enc(id)}/reopen`),
};
