import type { InboxFilter } from "./types";

/** Every key of the query cache, so that realtime patches and hooks agree. */
export const keys = {
  setup: ["setup"] as const,
  me: ["me"] as const,
  teammates: ["teammates"] as const,
  teams: ["teams"] as const,
  accounts: ["accounts"] as const,
  tokens: ["tokens"] as const,
  counts: ["counts"] as const,
  lists: ["conversations"] as const,
  list: (filter: Partial<InboxFilter>) => ["conversations", filter] as const,
  conversation: (id: string) => ["conversation", id] as const,
  thread: (id: string) => ["thread", id] as const,
  draft: (id: string) => ["draft", id] as const,
  customers: ["customers"] as const,
  customerList: (q: string) => ["customers", "list", q] as const,
  customer: (id: string) => ["customers", "one", id] as const,
  identities: (id: string) => ["customers", "identities", id] as const,
  events: (id: string) => ["customers", "events", id] as const,
};
