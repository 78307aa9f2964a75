import type { Graph } from "@/api/journeys";

interface Stashed {
  draft: { name: string; graph: Graph };
  /** The draft's version that it changes. */
  version: number;
}

const key = (id: string): string => `fanward.journey.${id}`;

/** Keeps on this device what is not saved yet. */
export function stash(id: string, held: Stashed): void {
  try {
    localStorage.setItem(key(id), JSON.stringify(held));
  } catch {
    // A full or forbidden storage only costs the second net.
  }
}

export function forget(id: string): void {
  try {
    localStorage.removeItem(key(id));
  } catch {
    // As above.
  }
}

/** What this device has not been able to save. */
export function recall(id: string): Stashed | null {
  try {
    const held = JSON.parse(localStorage.getItem(key(id)) ?? "null") as Stashed | null;
    return held && Array.isArray(held.draft?.graph?.nodes) ? held : null;
  } catch {
    return null;
  }
}
