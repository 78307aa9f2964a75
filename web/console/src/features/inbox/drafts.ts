import { useEffect, useRef } from "react";
import { api } from "@/api/calls";
import type { Draft } from "@/api/types";
import { createStore, useStore } from "@/realtime/store";

/** How long typing must pause before the draft goes to the server. */
const SAVE_AFTER = 800;
const PREFIX = "fanward.draft.";

export interface LocalDraft extends Draft {
  /** Written here and not yet confirmed by the server. */
  dirty: boolean;
}

const empty: LocalDraft = { body: "", kind: "text", dirty: false };

let owner = "";
const drafts = createStore<Readonly<Record<string, LocalDraft>>>({});

function write(conversationId: string, draft: LocalDraft): void {
  drafts.set((all) => ({ ...all, [conversationId]: draft }));
  const name = `${PREFIX}${owner}.${conversationId}`;
  try {
    if (draft.body === "" && !draft.dirty) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(draft));
  } catch {
    // The draft lives in memory and, a moment later, on the server.
  }
}

/** Takes up what this teammate was writing on this device. */
export function openDrafts(meId: string): void {
  if (owner === meId) return;
  owner = meId;
  const found: Record<string, LocalDraft> = {};
  const prefix = `${PREFIX}${meId}.`;
  for (let i = 0; i < localStorage.length; i++) {
    const name = localStorage.key(i);
    if (!name?.startsWith(prefix)) continue;
    try {
      found[name.slice(prefix.length)] = JSON.parse(localStorage.getItem(name) ?? "") as LocalDraft;
    } catch {
      localStorage.removeItem(name);
    }
  }
  drafts.set(found);
}

/** A draft from the server: adopted unless something newer is being written here. */
export function receiveDraft(conversationId: string, draft: Draft): void {
  const held = drafts.get()[conversationId] ?? empty;
  if (held.dirty || (held.body === draft.body && held.kind === draft.kind)) return;
  write(conversationId, { body: draft.body, kind: draft.kind, dirty: false });
}

const saving = new Map<string, ReturnType<typeof setTimeout>>();

async function save(conversationId: string): Promise<void> {
  clearTimeout(saving.get(conversationId));
  saving.delete(conversationId);
  const held = drafts.get()[conversationId];
  if (!held?.dirty) return;
  try {
    if (held.body === "") await api.deleteDraft(conversationId);
    else await api.saveDraft(conversationId, { body: held.body, kind: held.kind });
  } catch {
    // It stays dirty and on this device; the next change or visit tries again.
    return;
  }
  const now = drafts.get()[conversationId];
  if (now && now.body === held.body && now.kind === held.kind) write(conversationId, { ...now, dirty: false });
}

function saveSoon(conversationId: string): void {
  clearTimeout(saving.get(conversationId));
  saving.set(conversationId, setTimeout(() => void save(conversationId), SAVE_AFTER));
}

/** The draft of one conversation: instantly local, soon on the server, on any device. */
export function useDraft(conversationId: string, enabled: boolean) {
  const draft = useStore(drafts, (all) => all[conversationId]) ?? empty;
  const enabledRef = useRef(enabled);
  enabledRef.current = enabled;

  useEffect(() => {
    if (!enabledRef.current) return;
    const call = new AbortController();
    if (drafts.get()[conversationId]?.dirty) {
      void save(conversationId);
    } else {
      api.draft(conversationId, call.signal).then(
        (found) => receiveDraft(conversationId, found?.body ? { body: found.body, kind: found.kind } : { body: "", kind: drafts.get()[conversationId]?.kind ?? "text" }),
        () => {
          // No draft, or no connection: what is here stands.
        },
      );
    }
    return () => {
      call.abort();
      void save(conversationId);
    };
  }, [conversationId]);

  return {
    draft,
    change: (patch: Partial<Draft>) => {
      write(conversationId, { ...(drafts.get()[conversationId] ?? empty), ...patch, dirty: true });
      saveSoon(conversationId);
    },
    /** Empties it at once, because it was sent. */
    clear: () => {
      write(conversationId, { body: "", kind: draft.kind, dirty: true });
      void save(conversationId);
    },
  };
}
