import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { journeysApi, type Graph, type Journey } from "@/api/journeys";
import { ApiError } from "@/api/http";
import { keys } from "@/api/keys";
import { change, redo, startHistory, undo, type History } from "./history";
import { forget, recall, stash } from "./stash";

/** What is edited of a journey. */
export interface Draft {
  name: string;
  graph: Graph;
}

export type SaveState = "saved" | "waiting" | "saving" | "conflict" | "failed";

/** Typing must pause this long before the draft is saved. */
const SAVE_AFTER = 700;
/** After a failure it is tried again this often. */
const RETRY_AFTER = 5_000;

export interface DraftHandle {
  draft: Draft;
  state: SaveState;
  error: unknown;
  canUndo: boolean;
  canRedo: boolean;
  /** `mark` names what was typed into, so that a run of letters is undone together. */
  edit: (next: (draft: Draft) => Draft, mark?: string) => void;
  undo: () => void;
  redo: () => void;
  /** Saves what is not saved yet; answers whether everything is. */
  flush: () => Promise<boolean>;
  /** Of the draft that is on screen, as far as it is saved. */
  version: () => number;
  /** After a conflict: takes the other's draft, or writes one's own over it. */
  settle: (take: "theirs" | "mine") => Promise<void>;
}

const conflictCodes = new Set(["draft_conflict", "version_conflict", "conflict", "draft_changed"]);
const isConflict = (error: unknown): boolean => error instanceof ApiError && (error.status === 409 || error.status === 412 || conflictCodes.has(error.code));

/** Begins with what this device has not been able to save yet, if the draft has not moved on. */
function beginning(journey: Journey): { history: History<Draft>; kept: "none" | "unsaved" | "conflict" } {
  const held = recall(journey.id);
  const history = startHistory<Draft>({ name: journey.name, graph: journey.draft });
  if (!held) return { history, kept: "none" };
  return { history: change(history, held.draft, "", Date.now()), kept: held.version === journey.draft_version ? "unsaved" : "conflict" };
}

/**
 * A journey's draft while it is edited: undo, redo, and saving by itself. As long as
 * nothing is unsaved it follows what others save, unless `hold` keeps what is on screen.
 */
export function useDraft(journey: Journey, editable: boolean, hold = false): DraftHandle {
  const cache = useQueryClient();
  const { id } = journey;
  const [begun] = useState(() => beginning(journey));
  const [history, setHistory] = useState(begun.history);
  const [state, setState] = useState<SaveState>(begun.kept === "none" ? "saved" : begun.kept === "unsaved" ? "waiting" : "conflict");
  const [error, setError] = useState<unknown>(null);
  const version = useRef(journey.draft_version);
  const saved = useRef<Draft>(begun.history.past[0] ?? begun.history.present);
  const latest = useRef(history.present);
  latest.current = history.present;
  const running = useRef<Promise<boolean> | null>(null);

  const send = useCallback(async (): Promise<boolean> => {
    const draft = latest.current;
    setState("saving");
    try {
      const answer = await journeysApi.save(id, { name: draft.name.trim() || journey.name, graph: draft.graph, draft_version: version.current });
      version.current = answer.draft_version;
      saved.current = draft;
      // What is being fetched may be of the draft before this one, and would come after
      // it; or of a later one, of which no other change need tell.
      const exact = { queryKey: keys.journey(id), exact: true };
      const asked = cache.isFetching(exact) > 0;
      await cache.cancelQueries(exact);
      cache.setQueryData<Journey>(keys.journey(id), (held) => (held && held.draft_version > answer.draft_version ? held : answer));
      if (asked) void cache.invalidateQueries(exact);
      void cache.invalidateQueries({ queryKey: keys.journeyList });
      setError(null);
      if (latest.current === draft) {
        forget(id);
        setState("saved");
      } else {
        stash(id, { draft: latest.current, version: version.current });
        setState("waiting");
      }
      return true;
    } catch (problem) {
      setError(problem);
      setState(isConflict(problem) ? "conflict" : "failed");
      return false;
    }
  }, [cache, id, journey.name]);

  const flush = useCallback(async (): Promise<boolean> => {
    for (;;) {
      if (running.current) await running.current;
      else if (latest.current === saved.current) return true;
      else {
        running.current = send().finally(() => (running.current = null));
        if (!(await running.current)) return false;
      }
    }
  }, [send]);

  useEffect(() => {
    if (!editable || (state !== "waiting" && state !== "failed")) return;
    const timer = setTimeout(() => void flush(), state === "failed" ? RETRY_AFTER : SAVE_AFTER);
    return () => clearTimeout(timer);
  }, [editable, flush, history.present, state]);

  // Whoever leaves the page has not lost the last letters.
  useEffect(() => () => void (latest.current !== saved.current && flush()), [flush]);

  const take = useCallback(
    (next: History<Draft>) => {
      setHistory(next);
      latest.current = next.present;
      if (next.present === saved.current) {
        forget(id);
        setState((s) => (s === "conflict" ? s : "saved"));
        return;
      }
      stash(id, { draft: next.present, version: version.current });
      setState((s) => (s === "conflict" || s === "saving" ? s : "waiting"));
    },
    [id],
  );
  const held = useRef(history);
  held.current = history;
  const edit = useCallback(
    (next: (draft: Draft) => Draft, mark = "") => {
      if (!editable) return;
      const changed = change(held.current, next(held.current.present), mark, Date.now());
      held.current = changed;
      take(changed);
    },
    [editable, take],
  );
  const step = useCallback(
    (move: (h: History<Draft>) => History<Draft>) => {
      const moved = move(held.current);
      if (moved === held.current) return;
      held.current = moved;
      take(moved);
    },
    [take],
  );

  useEffect(() => {
    if (hold || state !== "saved" || running.current || latest.current !== saved.current || journey.draft_version <= version.current) return;
    const theirs: Draft = { name: journey.name, graph: journey.draft };
    version.current = journey.draft_version;
    saved.current = theirs;
    latest.current = theirs;
    // Undoing what was done before theirs would undo theirs, too.
    held.current = startHistory(theirs);
    setHistory(held.current);
  }, [hold, journey, state]);

  const settle = useCallback(
    async (which: "theirs" | "mine") => {
      const current = await journeysApi.get(id);
      version.current = current.draft_version;
      cache.setQueryData<Journey>(keys.journey(id), current);
      if (which === "theirs") {
        const theirs: Draft = { name: current.name, graph: current.draft };
        saved.current = theirs;
        forget(id);
        setState("saved");
        setHistory((h) => change(h, theirs, "", Date.now()));
      } else {
        setState("waiting");
        await flush();
      }
    },
    [cache, flush, id],
  );

  return {
    draft: history.present,
    state,
    error,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    edit,
    undo: useCallback(() => step(undo), [step]),
    redo: useCallback(() => step(redo), [step]),
    flush,
    version: useCallback(() => version.current, []),
    settle,
  };
}
