import { useEffect } from "react";
import { api } from "@/api/calls";
import type { Draft } from "@/api/types";
import { createStore, useStore } from "@/realtime/store";

/** How long typing must pause before the draft goes to the server. */
const SAVE_AFTER = 800;
const PREFIX = "fanward.draft.";

type Kind = Draft["kind"];

/** What is being written for one conversation: a reply and a note, apart. */
export interface LocalDraft {
  /** Which of the two the composer shows. */
  kind: Kind;
  bodies: Readonly<Record<Kind, string>>;
  /** Changed here and not yet confirmed by the server, which holds the shown one. */
  dirty: boolean;
}

const empty: LocalDraft = { kind: "text", bodies: { text: "", note: "" }, dirty: false };

let owner = "";
const drafts = createStore<Readonly<Record<string, LocalDraft>>>({});

const held = (conversationId: string): LocalDraft => drafts.get()[conversationId] ?? empty;

function write(conversationId: string, draft: LocalDraft): void {
  drafts.set((all) => ({ ...all, [conversationId]: draft }));
  const name = `${PREFIX}${owner}.${conversationId}`;
  try {
    if (draft.bodies.text === "" && draft.bodies.note === "" && !draft.dirty) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(draft));
  } catch {
    // The draft lives in memory and, a moment later, on the server.
  }
}

function isDraft(value: unknown): value is LocalDraft {
  const { kind, bodies } = (value ?? {}) as Partial<LocalDraft>;
  return (kind === "text" || kind === "note") && typeof bodies?.text === "string" && typeof bodies.note === "string";
}

/** Takes up what this teammate was writing on this device. */
export function openDrafts(meId: string): void {
  if (owner === meId) return;
  owner = meId;
  const found: Record<string, LocalDraft> = {};
  const prefix = `${PREFIX}${meId}.`;
  for (const name of Object.keys(localStorage)) {
    if (!name.startsWith(prefix)) continue;
    try {
      const draft: unknown = JSON.parse(localStorage.getItem(name) ?? "");
      if (isDraft(draft)) found[name.slice(prefix.length)] = draft;
    } catch {
      localStorage.removeItem(name);
    }
  }
  drafts.set(found);
}

/** Whether the writer's cursor is in the composer: then nothing else may change what it writes. */
const writing = (): boolean => document.activeElement?.id === "composer-input";

/**
 * A draft from the server: adopted unless something newer is being written
 * here. It never turns a reply into a note, or a note into a reply, under the
 * writer's hands: then its text waits behind the other tab.
 */
export function receiveDraft(conversationId: string, draft: Draft): void {
  const mine = held(conversationId);
  if (mine.dirty) return;
  const kind = draft.body === "" ? mine.kind : draft.kind;
  if (mine.bodies[kind] === draft.body && mine.kind === kind) return;
  const shown = writing() || mine.bodies[mine.kind] !== "" ? mine.kind : kind;
  write(conversationId, { kind: shown, bodies: { ...mine.bodies, [kind]: draft.body }, dirty: false });
}

const saving = new Map<string, ReturnType<typeof setTimeout>>();

async function save(conversationId: string): Promise<void> {
  clearTimeout(saving.get(conversationId));
  saving.delete(conversationId);
  const told = held(conversationId);
  if (!told.dirty) return;
  const body = told.bodies[told.kind];
  try {
    if (body === "") await api.deleteDraft(conversationId);
    else await api.saveDraft(conversationId, { body, kind: told.kind });
  } catch {
    // It stays dirty and on this device; the next change or visit tries again.
    return;
  }
  const now = held(conversationId);
  if (now.kind === told.kind && now.bodies[now.kind] === body) write(conversationId, { ...now, dirty: false });
}

function saveSoon(conversationId: string): void {
  clearTimeout(saving.get(conversationId));
  saving.set(conversationId, setTimeout(() => void save(conversationId), SAVE_AFTER));
}

/** Opens a conversation's composer where it was left; an empty note is not a note any more. */
function reopen(conversationId: string): void {
  const mine = held(conversationId);
  if (mine.kind === "note" && mine.bodies.note === "") write(conversationId, { ...mine, kind: "text", dirty: mine.dirty || mine.bodies.text !== "" });
}

/** The draft of one conversation: instantly local, soon on the server, on any device. */
export function useDraft(conversationId: string) {
  const { kind, bodies } = useStore(drafts, (all) => all[conversationId]) ?? empty;

  useEffect(() => {
    const call = new AbortController();
    reopen(conversationId);
    if (held(conversationId).dirty) {
      void save(conversationId);
    } else {
      api.draft(conversationId, call.signal).then(
        (found) => receiveDraft(conversationId, found ?? { body: "", kind: "text" }),
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
    kind,
    body: bodies[kind],
    /** Whether the tab that is not shown holds text. */
    behind: bodies[kind === "note" ? "text" : "note"] !== "",
    change: (body: string) => {
      const mine = held(conversationId);
      write(conversationId, { ...mine, bodies: { ...mine.bodies, [mine.kind]: body }, dirty: true });
      saveSoon(conversationId);
    },
    /** Shows the other tab; each keeps its own text. */
    turn: (to: Kind) => {
      const mine = held(conversationId);
      if (mine.kind === to) return;
      write(conversationId, { ...mine, kind: to, dirty: true });
      saveSoon(conversationId);
    },
    /** Empties what was sent. After a note the composer writes replies again, so that each note is meant. */
    clear: () => {
      const mine = held(conversationId);
      write(conversationId, { kind: "text", bodies: { ...mine.bodies, [mine.kind]: "" }, dirty: true });
      void save(conversationId);
    },
  };
}
