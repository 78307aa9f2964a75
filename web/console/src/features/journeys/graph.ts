import type { FlowNode, Graph, NodeKind, Way } from "@/api/journeys";

/** Stands for the trigger where a node's id is asked for; no node can have it. */
export const TRIGGER = "$trigger";

/** One way out: of the trigger ("next"), of a node ("next", "else"), or of a branch or split ("0", "1", …). */
export interface Exit {
  node: string;
  port: string;
}

export interface Outlet extends Exit {
  /** The id of the node it leads to; "" ends the journey. */
  to: string;
}

export function nodeOf(graph: Graph, id: string): FlowNode | undefined {
  return graph.nodes.find((n) => n.id === id);
}

/** Who cannot be reached by a message goes on like everybody unless they have a way of their own. */
export function sharesElse(node: FlowNode): boolean {
  return node.kind === "message" && (!node.else || node.else === node.next);
}

/** The ways out of a node, from left to right. */
export function outletsOf(node: FlowNode): Outlet[] {
  const at = (port: string, to: string | undefined): Outlet => ({ node: node.id, port, to: to ?? "" });
  switch (node.kind) {
    case "exit":
      return [];
    case "branch":
      return [...(node.ways ?? []).map((w, i) => at(String(i), w.next)), at("else", node.else)];
    case "split":
      return (node.ways ?? []).map((w, i) => at(String(i), w.next));
    case "wait":
      return [at("next", node.next), at("else", node.else)];
    case "message":
      return sharesElse(node) ? [at("next", node.next)] : [at("next", node.next), at("else", node.else)];
    default:
      return [at("next", node.next)];
  }
}

/** The ways out of the trigger or a node. */
export function outlets(graph: Graph, id: string): Outlet[] {
  if (id === TRIGGER) return [{ node: TRIGGER, port: "next", to: graph.start ?? "" }];
  const node = nodeOf(graph, id);
  return node ? outletsOf(node) : [];
}

function aim(node: FlowNode, port: string, to: string): FlowNode {
  if (port === "next") return sharesElse(node) ? { ...node, next: to, else: "" } : { ...node, next: to };
  if (port === "else") return { ...node, else: to };
  return { ...node, ways: (node.ways ?? []).map((w, i) => (String(i) === port ? { ...w, next: to } : w)) };
}

function put(graph: Graph, node: FlowNode): Graph {
  return { ...graph, nodes: graph.nodes.map((n) => (n.id === node.id ? node : n)) };
}

/** The ids one can get to from the trigger. */
export function reachable(graph: Graph): Set<string> {
  const seen = new Set<string>();
  const queue = [graph.start ?? ""];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    const node = seen.has(id) ? undefined : nodeOf(graph, id);
    if (!node) continue;
    seen.add(id);
    queue.push(...outletsOf(node).map((o) => o.to));
  }
  return seen;
}

/** Drops what could be reached before and cannot any more; what never could stays to be seen. */
function prune(graph: Graph, before: Set<string>): Graph {
  const now = reachable(graph);
  return { ...graph, nodes: graph.nodes.filter((n) => now.has(n.id) || !before.has(n.id)) };
}

/** Leads a way out to another node, or to the end (""). Steps that nobody can get to any more go. */
export function connect(graph: Graph, exit: Exit, to: string): Graph {
  const before = reachable(graph);
  if (exit.node === TRIGGER) return prune({ ...graph, start: to }, before);
  const node = nodeOf(graph, exit.node);
  return node ? prune(put(graph, aim(node, exit.port, to)), before) : graph;
}

/** An id that no node of the graph has; ids are never used again, because people may stand at them. */
export function freshId(graph: Graph, kind: NodeKind, random: () => number = Math.random): string {
  for (;;) {
    const id = `${kind}-${Math.floor(random() * 36 ** 5).toString(36).padStart(5, "0")}`;
    if (!nodeOf(graph, id)) return id;
  }
}

/** A new node of a kind, all of whose ways lead to one place. */
export function blank(kind: NodeKind, id: string, to: string): FlowNode {
  const way = (more: Partial<Way>): Way => ({ next: to, ...more });
  switch (kind) {
    case "message":
      return { id, kind, next: to, message: { channels: ["wechat", "email", "webchat"], purpose: "marketing", subject: "", body: "" } };
    case "delay":
      return { id, kind, next: to, delay: { for: "1d" } };
    case "until":
      return { id, kind, next: to, until: { at: "09:00", weekdays: [], zone: "" } };
    case "wait":
      return { id, kind, next: to, else: to, wait: { reply: true, for: "3d" } };
    case "branch":
      return { id, kind, else: to, ways: [way({ rule: { kind: "all", of: [] } })] };
    case "split":
      return { id, kind, ways: [way({ percent: 50 }), way({ percent: 50 })] };
    case "attribute":
      return { id, kind, next: to, attribute: { name: "", value: "" } };
    case "tag":
      return { id, kind, next: to, tag: { add: [], remove: [] } };
    case "stage":
      return { id, kind, next: to, stage: { to: "", forward_only: true } };
    case "task":
      return { id, kind, next: to, task: { title: "", note: "", due: "24h", assignee: { kind: "conversation" } } };
    case "exit":
      return { id, kind };
  }
}

/** Puts a node into a way: what came after it comes after the node. */
export function insertAt(graph: Graph, exit: Exit, node: FlowNode): Graph {
  const grown = { ...graph, nodes: [...graph.nodes, node] };
  if (exit.node === TRIGGER) return { ...grown, start: node.id };
  const from = nodeOf(grown, exit.node);
  if (!from) return graph;
  return put(grown, aim(from, exit.port, node.id));
}

/** Redirects everything that leads to one node. */
function redirect(graph: Graph, from: string, to: string): Graph {
  const swap = (id: string | undefined) => (id === from ? to : id);
  const moved = (n: FlowNode): FlowNode => ({
    ...n,
    ...(n.next === from ? { next: to } : {}),
    ...(n.else === from ? { else: to } : {}),
    ...(n.ways?.some((w) => w.next === from) ? { ways: n.ways.map((w) => (w.next === from ? { ...w, next: to } : w)) } : {}),
  });
  return { ...graph, ...(graph.start === undefined ? {} : { start: swap(graph.start) ?? "" }), nodes: graph.nodes.map(moved) };
}

/** Puts a node before another one, for everybody who comes to it. */
export function insertBefore(graph: Graph, target: string, node: FlowNode): Graph {
  const moved = redirect(graph, target, node.id);
  return { ...moved, nodes: [...moved.nodes, node] };
}

/** Where somebody goes on when a node is no more: its first way that leads somewhere. */
function successor(node: FlowNode): string {
  const ways = outletsOf(node).map((o) => o.to);
  return ways.find((to) => to !== "" && to !== node.id) ?? "";
}

/** Takes a node out and joins its ends; of a fork the first way stays. */
export function removeNode(graph: Graph, id: string): Graph {
  const node = nodeOf(graph, id);
  if (!node) return graph;
  const before = reachable(graph);
  const joined = redirect(graph, id, successor(node));
  return prune({ ...joined, nodes: joined.nodes.filter((n) => n.id !== id) }, before);
}

/** Puts a copy of a node right after it; all its ways lead where the first one led. */
export function duplicateNode(graph: Graph, id: string, copyId: string): Graph {
  const node = nodeOf(graph, id);
  const first = node && outletsOf(node)[0];
  if (!node || !first) return graph;
  const copy = structuredClone(node);
  copy.id = copyId;
  if (!node.ways) copy.next = first.to;
  if (node.kind === "message") copy.else = "";
  if (node.kind === "wait" || node.kind === "branch") copy.else = first.to;
  if (copy.ways) copy.ways = copy.ways.map((w) => ({ ...w, next: first.to }));
  return insertAt(graph, first, copy);
}

/** Replaces a node by its edited self; ways that were taken away take their steps along. */
export function replaceNode(graph: Graph, node: FlowNode): Graph {
  return prune(put(graph, node), reachable(graph));
}

/** Lets those who cannot be reached by a message go on like everybody. */
export function joinElse(graph: Graph, id: string): Graph {
  const node = nodeOf(graph, id);
  return node ? replaceNode(graph, { ...node, else: "" }) : graph;
}

/** Adds a way to a branch or split, which leads where its last one leads. */
export function addWay(node: FlowNode): FlowNode {
  const ways = node.ways ?? [];
  if (node.kind === "split") return { ...node, ways: [...ways, { percent: 0, next: ways[ways.length - 1]?.next ?? "" }] };
  return { ...node, ways: [...ways, { rule: { kind: "all", of: [] }, next: node.else ?? "" }] };
}

/** The nodes in the order in which one meets them; then those nobody meets. */
export function inOrder(graph: Graph): FlowNode[] {
  const seen = new Set<string>();
  const out: FlowNode[] = [];
  const visit = (id: string) => {
    const node = seen.has(id) ? undefined : nodeOf(graph, id);
    if (!node) return;
    seen.add(id);
    out.push(node);
    for (const outlet of outletsOf(node)) visit(outlet.to);
  };
  visit(graph.start ?? "");
  return [...out, ...graph.nodes.filter((n) => !seen.has(n.id))];
}
