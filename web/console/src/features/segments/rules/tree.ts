import type { GroupKind, LeafKind, RuleNode } from "@/api/rule";

/** Where a node stands: the index at each group on the way from the root. */
export type Path = readonly number[];

export type Group = RuleNode & { kind: GroupKind; of: RuleNode[] };
export type Leaf = RuleNode & { kind: LeafKind };

/** What the server takes at most. */
export const MAX_DEPTH = 10;
export const MAX_NODES = 100;

export function isGroup(node: RuleNode): node is Group {
  return node.kind === "all" || node.kind === "any" || node.kind === "none";
}

const names = new WeakMap<RuleNode, string>();
const opened = new WeakSet<RuleNode>();
let serial = 0;

/** A node's name while it is edited: it stays when the node changes or moves. */
export function keyOf(node: RuleNode): string {
  let key = names.get(node);
  if (!key) names.set(node, (key = `n${++serial}`));
  return key;
}

/** The node with some fields changed, under the same key; undefined takes a field away. */
export function change<N extends RuleNode>(node: N, patch: Partial<RuleNode>): N {
  const next = { ...node, ...patch } as N;
  for (const field of Object.keys(patch) as (keyof RuleNode)[]) {
    if (next[field] === undefined) delete next[field];
  }
  return carry(node, next);
}

/** Hands the key of one node to what takes its place. */
export function carry<N extends RuleNode>(from: RuleNode, to: N): N {
  names.set(to, keyOf(from));
  if (opened.has(from)) opened.add(to);
  return to;
}

/** A new group; it is drawn as one also while it holds a single condition. */
export function newGroup(kind: GroupKind, of: RuleNode[]): Group {
  const group: Group = { kind, of };
  opened.add(group);
  return group;
}

const negatable = new Set<string>(["tag", "stage", "dormant", "segment", "reachable"]);

/** Whether a kind of condition has no comparison that says "not". */
export const mayNegate = (kind: string): boolean => negatable.has(kind);

/** The condition inside `none of one`, which is read as that condition with "not". */
export function negated(node: RuleNode): Leaf | null {
  if (node.kind !== "none" || opened.has(node)) return null;
  const only = node.of?.length === 1 ? node.of[0] : undefined;
  return only && mayNegate(only.kind) ? (only as Leaf) : null;
}

/** The tree as a group: a single condition becomes a group of one. */
export function rooted(node: RuleNode): Group {
  if (isGroup(node) && !negated(node)) return node.of ? node : { ...node, of: [] };
  return { kind: "all", of: [node] };
}

export function nodeAt(root: RuleNode, path: Path): RuleNode | undefined {
  return path.reduce<RuleNode | undefined>((node, index) => node?.of?.[index], root);
}

function edit(root: RuleNode, path: Path, act: (node: RuleNode) => RuleNode): RuleNode {
  const [index, ...rest] = path;
  if (index === undefined) return act(root);
  const of = [...(root.of ?? [])];
  const child = of[index];
  if (!child) return root;
  of[index] = edit(child, rest, act);
  return change(root, { of });
}

export function replaceAt(root: RuleNode, path: Path, node: RuleNode): RuleNode {
  return edit(root, path, () => node);
}

/** Puts a node into the group at path, before the one at index. */
export function insertAt(root: RuleNode, group: Path, index: number, node: RuleNode): RuleNode {
  return edit(root, group, (g) => change(g, { of: [...(g.of ?? []).slice(0, index), node, ...(g.of ?? []).slice(index)] }));
}

export function removeAt(root: RuleNode, path: Path): RuleNode {
  const index = path[path.length - 1];
  if (index === undefined) return root;
  return edit(root, path.slice(0, -1), (g) => change(g, { of: (g.of ?? []).filter((_, i) => i !== index) }));
}

/** A copy of a tree, under keys of its own. */
export function copy(node: RuleNode): RuleNode {
  return structuredClone(node);
}

export function duplicateAt(root: RuleNode, path: Path): RuleNode {
  const node = nodeAt(root, path);
  const index = path[path.length - 1];
  return node && index !== undefined ? insertAt(root, path.slice(0, -1), index + 1, copy(node)) : root;
}

/** Moves a node among its neighbours. */
export function shiftAt(root: RuleNode, path: Path, by: number): RuleNode {
  const index = path[path.length - 1];
  const parent = path.slice(0, -1);
  const siblings = nodeAt(root, parent)?.of ?? [];
  if (index === undefined || index + by < 0 || index + by >= siblings.length) return root;
  const of = [...siblings];
  of.splice(index + by, 0, ...of.splice(index, 1));
  return edit(root, parent, (g) => change(g, { of }));
}

/** Puts a node into a group of its own. */
export function wrapAt(root: RuleNode, path: Path, kind: GroupKind): RuleNode {
  return edit(root, path, (node) => newGroup(kind, [node]));
}

/** Puts what a group holds in the place of the group. */
export function unwrapAt(root: RuleNode, path: Path): RuleNode {
  const index = path[path.length - 1];
  const of = nodeAt(root, path)?.of;
  if (index === undefined || !of) return root;
  return edit(root, path.slice(0, -1), (g) => change(g, { of: [...(g.of ?? []).slice(0, index), ...of, ...(g.of ?? []).slice(index + 1)] }));
}

/** How many nodes a tree has. */
export function countNodes(node: RuleNode): number {
  return 1 + (node.of ?? []).reduce((sum, child) => sum + countNodes(child), 0);
}

/** How many groups stand inside each other, conditions counted as one level. */
export function depthOf(node: RuleNode): number {
  return 1 + (node.of ?? []).reduce((most, child) => Math.max(most, depthOf(child)), 0);
}

/** A place as the API writes it: rule.of[1].of[0]. */
export function pathText(prefix: string, path: Path): string {
  return prefix + path.map((index) => `.of[${index}]`).join("");
}
