import { Background, BackgroundVariant, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, useStore, type Edge, type Node } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useEffect, useMemo, useRef, useState, type FocusEvent, type MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import { share } from "@/i18n/format";
import { FitIcon, IconButton, ZoomInIcon, ZoomOutIcon } from "@/ui";
import { useEditor } from "./context";
import { nodeOf } from "./graph";
import { CARD, layout, PILL, type Layout } from "./layout";
import { EndPill, NodeCard } from "./NodeCard";
import { WayLine } from "./WayLine";
import { toneOf } from "./words";
import "./canvas.css";

const nodeTypes = { card: NodeCard, pill: EndPill };
const edgeTypes = { way: WayLine };
const FIT = { padding: 0.12, maxZoom: 1, minZoom: 0.6 };

function nodesOf(placed: Layout): Node[] {
  const box = (id: string, x: number, y: number, size: { width: number; height: number }) => ({ id, position: { x: x - size.width / 2, y }, ...size, style: { pointerEvents: "all" as const }, draggable: false, connectable: false, selectable: false, focusable: false });
  const ways = new Map(placed.lines.map((l) => [l.id, l.to]));
  return [
    ...placed.cards.map((c) => ({ ...box(c.id, c.x, c.y, CARD), type: "card", data: {} })),
    ...placed.pills.map((p) => ({ ...box(p.id, p.x, p.y, PILL), type: "pill", data: { to: ways.get(p.id) ?? "" } })),
  ];
}

function edgesOf(placed: Layout): Edge[] {
  const meets = new Map(placed.meets.map((m) => [m.id, m.plus]));
  return placed.lines.map((line) => {
    const meet = line.kind === "flow" ? meets.get(line.to) : undefined;
    // One "+" for all who meet: the first of their lines carries it.
    if (meet) meets.delete(line.to);
    return { id: line.id, type: "way", source: line.node, target: line.kind === "flow" ? line.to : line.id, data: { ...line, ...(meet ? { meet } : {}) }, focusable: false, selectable: false };
  });
}

function Zoom() {
  const { t } = useTranslation();
  const { zoomIn, zoomOut, fitView } = useReactFlow();
  const zoom = useStore((s) => s.transform[2]);
  return (
    <div className="flow-zoom" role="group" aria-label={t("journeys.zoom")}>
      <IconButton size="small" placement="top" label={t("journeys.zoomOut")} icon={<ZoomOutIcon />} onClick={() => void zoomOut()} />
      <span className="num">{share(Math.round(zoom * 100) / 100)}</span>
      <IconButton size="small" placement="top" label={t("journeys.zoomIn")} icon={<ZoomInIcon />} onClick={() => void zoomIn()} />
      <IconButton size="small" placement="top" label={t("journeys.fit")} icon={<FitIcon />} onClick={() => void fitView(FIT)} />
    </div>
  );
}

/** Brings a card into sight when it was chosen elsewhere: by search, a problem, the keyboard. */
function useFollow(selected: string | null, placed: Layout): void {
  const { getViewport, setViewport } = useReactFlow();
  const size = useStore((s) => `${s.width}x${s.height}`);
  const at = placed.cards.find((c) => c.id === selected);
  useEffect(() => {
    if (!at) return;
    const [width, height] = size.split("x").map(Number) as [number, number];
    const { x, y, zoom } = getViewport();
    const left = (at.x - CARD.width / 2) * zoom + x;
    const top = at.y * zoom + y;
    const margin = 24;
    const dx = left < margin ? margin - left : Math.min(0, width - margin - (left + CARD.width * zoom));
    const dy = top < margin ? margin - top : Math.min(0, height - margin - (top + CARD.height * zoom));
    if (dx !== 0 || dy !== 0) void setViewport({ x: x + dx, y: y + dy, zoom }, { duration: 200 });
  }, [at?.id, at?.x, at?.y, getViewport, setViewport, size]);
}

/** The trigger stands at the top; wide journeys begin smaller, but never too small to read. */
function opening(placed: Layout, box: HTMLElement | null): { x: number; y: number; zoom: number } {
  const width = box?.clientWidth ?? 1000;
  const reach = Math.max(...placed.cards.map((c) => Math.abs(c.x))) + CARD.width / 2 + 40;
  const zoom = Math.min(1, Math.max(0.6, width / (reach * 2)));
  return { x: width / 2, y: 28, zoom };
}

function Board() {
  const { t } = useTranslation();
  const { graph, selected, select } = useEditor();
  const placed = useMemo(() => layout(graph), [graph]);
  const nodes = useMemo(() => nodesOf(placed), [placed]);
  const edges = useMemo(() => edgesOf(placed), [placed]);
  const box = useRef<HTMLDivElement>(null);
  const tones = useRef<(id: string) => string>(() => "");
  tones.current = (id) => {
    const node = nodeOf(graph, id);
    return `flow-mini flow-mini-${node ? toneOf(node.kind) : id.includes(":") ? "end" : "trigger"}`;
  };
  const [focused, setFocused] = useState<string | null>(null);
  useFollow(focused ?? selected, placed);
  // Whoever goes through the cards by the keyboard sees where they are.
  const follow = (event: FocusEvent<HTMLElement>) => {
    const card = event.target.matches(":focus-visible") ? event.target.dataset.flowCard : undefined;
    setFocused(card ?? null);
  };
  return (
    <ReactFlow
      ref={box}
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      nodesDraggable={false}
      nodesConnectable={false}
      nodesFocusable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      deleteKeyCode={null}
      selectionKeyCode={null}
      panOnScroll
      zoomOnDoubleClick={false}
      minZoom={0.2}
      maxZoom={1.5}
      onInit={(flow) => void flow.setViewport(opening(placed, box.current))}
      onFocus={follow}
      onPaneClick={() => select(null)}
      attributionPosition="bottom-left"
    >
      <Background variant={BackgroundVariant.Dots} gap={24} size={1} />
      <MiniMap className="flow-minimap" pannable zoomable ariaLabel={t("journeys.minimap")} nodeClassName={(n) => tones.current(n.id)} nodeBorderRadius={12} />
      <Zoom />
    </ReactFlow>
  );
}

/**
 * What is pressed at the edge of the canvas stays where it is until it is let
 * go: a browser that scrolls it into sight as it gets the focus would move it
 * from under the pointer, and there would be no click.
 */
function focusInPlace(event: MouseEvent): void {
  const button = (event.target as Element).closest("button");
  if (!button || event.button !== 0) return;
  event.preventDefault();
  button.focus({ preventScroll: true });
}

/** A journey as a picture, from the trigger downward. */
export default function Canvas() {
  const { t } = useTranslation();
  return (
    <div className="flow-canvas" data-testid="journey-canvas" role="region" aria-label={t("journeys.canvas")} onMouseDownCapture={focusInPlace}>
      <ReactFlowProvider>
        <Board />
      </ReactFlowProvider>
    </div>
  );
}
