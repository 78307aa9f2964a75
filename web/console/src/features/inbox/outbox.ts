import type { Attachment } from "@/api/types";
import { createStore, useStore } from "@/realtime/store";

export interface PendingProblem {
  code: string;
  params: Record<string, unknown>;
  detail?: string;
  /** The message may not have arrived and can be tried again by itself. */
  transient: boolean;
}

/** A message that was written here and is not yet confirmed by the server. */
export interface Pending {
  clientKey: string;
  conversationId: string;
  body: string;
  kind: "text" | "note";
  attachments: Attachment[];
  andResolve: boolean;
  createdAt: string;
  state: "sending" | "failed";
  problem: PendingProblem | null;
}

const PREFIX = "fanward.outbox.";
const nothing: Pending[] = [];

let owner = "";

/** Unconfirmed messages in the order in which they were written. */
export const outbox = createStore<Pending[]>([]);

function storageKey(clientKey: string): string {
  return `${PREFIX}${owner}.${clientKey}`;
}

function remember(entry: Pending): void {
  try {
    localStorage.setItem(storageKey(entry.clientKey), JSON.stringify(entry));
  } catch {
    // Storage is full or forbidden: the message lives as long as the tab.
  }
}

/**
 * Takes up what this teammate left unconfirmed on this device. What was being
 * sent when the page went away is marked as not sent; the same client_key
 * makes trying it again harmless.
 */
export function openOutbox(meId: string): void {
  owner = meId;
  const found: Pending[] = [];
  const prefix = `${PREFIX}${meId}.`;
  for (let i = 0; i < localStorage.length; i++) {
    const name = localStorage.key(i);
    if (!name?.startsWith(prefix)) continue;
    try {
      const entry = JSON.parse(localStorage.getItem(name) ?? "") as Pending;
      found.push({ ...entry, state: "failed", problem: entry.problem ?? { code: "network_unreachable", params: {}, transient: true } });
    } catch {
      localStorage.removeItem(name);
    }
  }
  found.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  outbox.set(found);
}

/** Adds a message, or replaces the one with the same client_key. */
export function putPending(entry: Pending): void {
  remember(entry);
  outbox.set((all) =>
    all.some((p) => p.clientKey === entry.clientKey)
      ? all.map((p) => (p.clientKey === entry.clientKey ? entry : p))
      : [...all, entry],
  );
}

/** Forgets a message: it was confirmed, or the writer gave it up. */
export function dropPending(clientKey: string): void {
  try {
    localStorage.removeItem(storageKey(clientKey));
  } catch {
    // Nothing was remembered then.
  }
  outbox.set((all) => (all.some((p) => p.clientKey === clientKey) ? all.filter((p) => p.clientKey !== clientKey) : all));
}

export function findPending(clientKey: string): Pending | undefined {
  return outbox.get().find((p) => p.clientKey === clientKey);
}

/** This conversation's unconfirmed messages. */
export function usePending(conversationId: string): Pending[] {
  const all = useStore(outbox);
  const own = all.filter((p) => p.conversationId === conversationId);
  return own.length === 0 ? nothing : own;
}
