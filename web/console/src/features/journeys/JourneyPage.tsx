import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/http";
import type { FlowNode, Graph, Journey, NodeKind } from "@/api/journeys";
import { keys } from "@/api/keys";
import { usePermission } from "@/features/session/me";
import { hasMod, inTextField, layerOpen } from "@/features/shell/keyboard";
import { AutoComplete, EmptyState, ErrorState, NotFoundIcon, Segmented, Skeleton, toast, toastError, usePhone } from "@/ui";
import { AddMenu, type Adding } from "./AddMenu";
import { EditorProvider, type Editor, type Spot } from "./context";
import { Drawer } from "./Drawer";
import { blank, duplicateNode, freshId, insertAt, insertBefore, inOrder, nodeOf, outlets, removeNode, replaceNode, TRIGGER } from "./graph";
import { JourneyHeader } from "./JourneyHeader";
import { JourneyOverview } from "./JourneyOverview";
import { JourneyPeople } from "./JourneyPeople";
import { Outline } from "./Outline";
import { PublishDialog } from "./PublishDialog";
import { journeyQuery, useCounts, useJourney, useNames, useProblems } from "./queries";
import { ConflictBar } from "./SaveMark";
import { TestPanel } from "./TestPanel";
import { useDraft, type DraftHandle } from "./useDraft";
import { lineOf, titleOf } from "./words";
import "@/features/teammates/teammates.css";
import "./journeys.css";

const Canvas = lazy(() => import("./Canvas"));

export type JourneyTab = "canvas" | "list" | "people" | "overview";

export interface JourneySearch {
  tab?: JourneyTab;
  node?: string;
  state?: string;
  outcome?: string;
}

/** Where a spot leads now. */
function beyond(graph: Graph, spot: Spot): string {
  if ("before" in spot) return spot.before;
  return outlets(graph, spot.node).find((o) => o.port === spot.port)?.to ?? nodeOf(graph, spot.node)?.next ?? "";
}

/** Every change one can make to the graph, each undone as one. */
function useEdits(handle: DraftHandle, select: (id: string | null) => void) {
  const { t } = useTranslation();
  const change = useCallback((next: (graph: Graph) => Graph, mark?: string) => handle.edit((d) => ({ ...d, graph: next(d.graph) }), mark), [handle.edit]);
  return useMemo(
    () => ({
      change,
      setNode: (id: string, patch: Partial<FlowNode>, mark?: string) =>
        change((g) => {
          const node = nodeOf(g, id);
          return node ? replaceNode(g, { ...node, ...patch }) : g;
        }, mark),
      insert: (spot: Spot, kind: NodeKind) => {
        let id = "";
        change((g) => {
          id = freshId(g, kind);
          const node = blank(kind, id, beyond(g, spot));
          return "before" in spot ? insertBefore(g, spot.before, node) : insertAt(g, spot, node);
        });
        select(id);
      },
      remove: (id: string) => {
        let gone = 0;
        change((g) => {
          const next = removeNode(g, id);
          gone = g.nodes.length - next.nodes.length;
          return next;
        });
        select(null);
        if (gone > 0) toast(t("journeys.removedSteps", { count: gone }), { label: t("common.undo"), run: handle.undo });
      },
      duplicate: (id: string) => {
        let copy = "";
        change((g) => {
          const node = nodeOf(g, id);
          copy = node ? freshId(g, node.kind) : "";
          return copy ? duplicateNode(g, id, copy) : g;
        });
        if (copy) select(copy);
      },
    }),
    [change, handle.undo, select, t],
  );
}

interface Keys {
  undo: () => void;
  redo: () => void;
  remove: () => void;
  duplicate: () => void;
  close: () => void;
  search: () => void;
}

/** ⌘Z, ⌘⇧Z, Delete, ⌘D, Esc and / wherever no text is being written. */
function useKeys(keys: Keys): void {
  const held = useRef(keys);
  held.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || layerOpen()) return;
      if (event.key === "Escape") return held.current.close();
      if (inTextField(event.target)) return;
      const letter = event.key.toLowerCase();
      if (hasMod(event) && letter === "z") event.shiftKey ? held.current.redo() : held.current.undo();
      else if (hasMod(event) && letter === "y") held.current.redo();
      else if (hasMod(event) && letter === "d") held.current.duplicate();
      else if (!hasMod(event) && (event.key === "Delete" || event.key === "Backspace")) held.current.remove();
      else if (!hasMod(event) && event.key === "/") held.current.search();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

function Search({ graph, editor, box }: { graph: Graph; editor: Editor; box: React.RefObject<HTMLDivElement | null> }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const wanted = typed.trim().toLocaleLowerCase();
  const options = inOrder(graph)
    .map((n) => ({ value: n.id, label: titleOf(n), line: lineOf(n, editor.names) }))
    .filter((o) => wanted === "" || `${o.label} ${o.line}`.toLocaleLowerCase().includes(wanted));
  return (
    <div ref={box} className="flow-search">
      <AutoComplete
        aria-label={t("journeys.search")}
        data-testid="journey-search"
        placeholder={t("journeys.search")}
        value={typed}
        onChange={(value: string) => setTyped(nodeOf(graph, value) ? "" : value)}
        onSelect={(id: string) => {
          setTyped("");
          editor.select(id);
        }}
        options={options.map((o) => ({
          value: o.value,
          label: (
            <span className="flow-choice">
              {o.label}
              <small>{o.line}</small>
            </span>
          ),
        }))}
        style={{ width: "100%" }}
        allowClear
      />
    </div>
  );
}

interface OpenProps {
  journey: Journey;
  search: JourneySearch;
}

function Open({ journey, search }: OpenProps) {
  const { t } = useTranslation();
  const phone = usePhone();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const editable = usePermission("journeys.manage");
  const [publishing, setPublishing] = useState(false);
  // What is published is what was on screen when it was decided.
  const handle = useDraft(journey, editable, publishing);
  const names = useNames();
  const counts = useCounts(journey);
  const problems = useProblems(journey.problems);
  const { graph } = handle.draft;
  const [adding, setAdding] = useState<Adding | null>(null);
  const [testing, setTesting] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const tab = search.tab ?? (phone ? "list" : "canvas");
  const go = useCallback((next: JourneySearch) => void navigate({ to: "/journeys/$journeyId", params: { journeyId: journey.id }, search: next, replace: true }), [journey.id, navigate]);
  const shown = tab === "canvas" || tab === "list";
  const chosen = shown ? (search.node ?? null) : null;
  const selected = chosen === TRIGGER || (chosen && nodeOf(graph, chosen)) ? chosen : null;
  const select = useCallback(
    (id: string | null) => {
      if (id) setTesting(false);
      go({ ...(search.tab ? { tab: search.tab } : {}), ...(id ? { node: id } : {}) });
    },
    [go, search.tab],
  );
  const edits = useEdits(handle, select);
  const openTest = () => {
    setTesting(true);
    if (!shown) go({});
    else if (search.node) go(search.tab ? { tab: search.tab } : {});
  };
  const jump = (id: string) => go({ ...(shown && search.tab ? { tab: search.tab } : {}), node: id });

  const editor: Editor = {
    graph,
    names,
    editable,
    selected,
    counts,
    problems,
    select,
    add: (spot, button) => setAdding({ spot, at: button.getBoundingClientRect(), between: beyond(graph, spot) !== "" }),
    remove: edits.remove,
    duplicate: edits.duplicate,
    people: (node, outcome) => go({ tab: "people", ...(node ? { node, ...(outcome ? { outcome } : { state: "active" }) } : {}) }),
  };
  const publish = async () => {
    if (!(await handle.flush())) return;
    const errors = (of?: Journey) => of?.problems?.filter((p) => p.severity === "error") ?? [];
    let found = errors(cache.getQueryData<Journey>(keys.journey(journey.id)));
    if (found[0]) {
      // What is held may tell of the draft before the last save.
      await cache.cancelQueries({ queryKey: keys.journey(journey.id), exact: true });
      found = await cache.fetchQuery({ ...journeyQuery(journey.id), staleTime: 0 }).then(errors, () => found);
    }
    if (!found[0]) return setPublishing(true);
    toastError(t("journeys.notYet", { count: found.length }));
    jump(nodeOf(graph, found[0].node) ? found[0].node : TRIGGER);
  };
  useKeys({
    undo: handle.undo,
    redo: handle.redo,
    remove: () => editable && selected && selected !== TRIGGER && edits.remove(selected),
    duplicate: () => editable && selected && selected !== TRIGGER && edits.duplicate(selected),
    close: () => (testing ? setTesting(false) : selected && select(null)),
    search: () => box.current?.querySelector("input")?.focus(),
  });

  return (
    <EditorProvider value={editor}>
      <div className="flow" data-testid="journey">
        <JourneyHeader journey={journey} handle={handle} editable={editable} onJump={jump} onPublish={() => void publish()} onTest={openTest} />
        <ConflictBar handle={handle} />
        <nav className="flow-tabs" aria-label={t("journeys.views")}>
          <Segmented aria-label={t("journeys.views")} data-testid="journey-tabs" value={tab} onChange={(value) => go({ tab: value })} options={(["canvas", "list", "people", "overview"] as const).map((value) => ({ value, label: t(`journeys.tab.${value}`) }))} />
          {shown && <Search graph={graph} editor={editor} box={box} />}
        </nav>
        <div className="flow-body">
          {tab === "canvas" && (
            <Suspense fallback={<Skeleton lines={8} />}>
              <Canvas />
            </Suspense>
          )}
          {tab === "list" && <Outline />}
          {tab === "people" && <JourneyPeople journey={journey} names={names} filter={{ ...(search.state ? { state: search.state } : {}), ...(search.node ? { node: search.node } : {}), ...(search.outcome ? { outcome: search.outcome } : {}) }} onFilter={(filter) => go({ tab, ...filter })} />}
          {tab === "overview" && <JourneyOverview journey={journey} counts={counts} names={names} onPeople={editor.people} />}
          {shown && testing && <TestPanel journeyId={journey.id} graph={graph} names={names} onClose={() => setTesting(false)} />}
          {shown && !testing && selected && <Drawer journeyId={journey.id} change={edits.change} setNode={edits.setNode} onClose={() => select(null)} />}
        </div>
        {adding && (
          <AddMenu
            adding={adding}
            onClose={() => setAdding(null)}
            onChoose={(kind) => {
              setAdding(null);
              edits.insert(adding.spot, kind);
            }}
          />
        )}
        {publishing && <PublishDialog journey={journey} counts={counts} handle={handle} onClose={() => setPublishing(false)} />}
      </div>
    </EditorProvider>
  );
}

/** One journey: its canvas, its people, its numbers. */
export function JourneyPage({ id, search }: { id: string; search: JourneySearch }) {
  const { t } = useTranslation();
  const query = useJourney(id);
  if (query.data) return <Open journey={query.data} search={search} />;
  if (query.error instanceof ApiError && query.error.status === 404) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/journeys">{t("journeys.all")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton lines={8} />;
}
