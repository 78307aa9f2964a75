import { createStore, useStore } from "@/realtime/store";

interface Recent {
  id: string;
  name: string | null;
  label: string;
  number: number;
  channel: string;
}

const KEY = "fanward.recent";
const KEPT = 8;

function load(): Recent[] {
  try {
    const parsed: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(parsed) ? (parsed as Recent[]) : [];
  } catch {
    return [];
  }
}

const recent = createStore<Recent[]>(load());

/** Remembers a conversation that was looked at, for the palette, in this tab. */
export function remember(entry: Recent): void {
  recent.set((all) => [entry, ...all.filter((r) => r.id !== entry.id)].slice(0, KEPT));
  try {
    sessionStorage.setItem(KEY, JSON.stringify(recent.get()));
  } catch {
    // Only the memory of it is lost.
  }
}

/** Forgets them all, when somebody signs out. */
export function forgetRecent(): void {
  recent.set([]);
  sessionStorage.removeItem(KEY);
}

export const useRecent = (): Recent[] => useStore(recent);
