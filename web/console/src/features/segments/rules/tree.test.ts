import { describe, expect, test } from "vitest";
import type { RuleNode } from "@/api/rule";
import { change, countNodes, depthOf, duplicateAt, insertAt, keyOf, negated, newGroup, nodeAt, pathText, removeAt, replaceAt, rooted, shiftAt, unwrapAt, wrapAt } from "./tree";

const tag = (name: string): RuleNode => ({ kind: "tag", name });
const tree = (): RuleNode => ({ kind: "all", of: [tag("a"), { kind: "any", of: [tag("b"), tag("c")] }, tag("d")] });
const names = (node: RuleNode): unknown => (node.of ? { [node.kind]: node.of.map(names) } : node.name);

describe("editing a tree", () => {
  test.each<[string, (t: RuleNode) => RuleNode, unknown]>([
    ["puts in", (t) => insertAt(t, [1], 1, tag("x")), { all: ["a", { any: ["b", "x", "c"] }, "d"] }],
    ["takes out", (t) => removeAt(t, [1, 0]), { all: ["a", { any: ["c"] }, "d"] }],
    ["replaces", (t) => replaceAt(t, [1, 1], tag("x")), { all: ["a", { any: ["b", "x"] }, "d"] }],
    ["copies beside itself", (t) => duplicateAt(t, [1]), { all: ["a", { any: ["b", "c"] }, { any: ["b", "c"] }, "d"] }],
    ["moves down", (t) => shiftAt(t, [0], 1), { all: [{ any: ["b", "c"] }, "a", "d"] }],
    ["moves up", (t) => shiftAt(t, [2], -1), { all: ["a", "d", { any: ["b", "c"] }] }],
    ["stays at the edge", (t) => shiftAt(t, [0], -1), { all: ["a", { any: ["b", "c"] }, "d"] }],
    ["wraps", (t) => wrapAt(t, [2], "none"), { all: ["a", { any: ["b", "c"] }, { none: ["d"] }] }],
    ["dissolves", (t) => unwrapAt(t, [1]), { all: ["a", "b", "c", "d"] }],
    ["leaves a place that is not there alone", (t) => replaceAt(t, [7, 1], tag("x")), { all: ["a", { any: ["b", "c"] }, "d"] }],
  ])("%s", (_, act, after) => {
    const before = tree();
    expect(names(act(before))).toEqual(after);
    expect(before).toEqual(tree());
  });

  test("a node keeps its name while it changes, its copy has one of its own", () => {
    const root = tree();
    const key = keyOf(nodeAt(root, [1, 0])!);
    const changed = replaceAt(root, [1, 0], change(nodeAt(root, [1, 0])!, { name: "z" }));
    expect(keyOf(nodeAt(changed, [1, 0])!)).toBe(key);
    expect(keyOf(nodeAt(shiftAt(changed, [1, 0], 1), [1, 1])!)).toBe(key);
    expect(keyOf(nodeAt(duplicateAt(changed, [1, 0]), [1, 1])!)).not.toBe(key);
    expect(keyOf(changed)).toBe(keyOf(root));
  });

  test("undefined takes a field away", () => {
    expect(change({ kind: "stage", values: ["member"], duration: "3d" }, { duration: undefined })).toEqual({ kind: "stage", values: ["member"] });
  });
});

describe("what stands inside none of one", () => {
  test("is read with not, where the kind has no comparison for it", () => {
    expect(negated({ kind: "none", of: [tag("vip")] })).toEqual(tag("vip"));
    expect(negated({ kind: "none", of: [{ kind: "attribute", name: "city", op: "equals", value: "x" }] })).toBeNull();
    expect(negated({ kind: "none", of: [tag("a"), tag("b")] })).toBeNull();
    expect(negated({ kind: "any", of: [tag("a")] })).toBeNull();
  });
  test("stays a group that somebody made as one, also after a change", () => {
    const group = newGroup("any", [tag("a")]);
    expect(negated(change(group, { kind: "none" }))).toBeNull();
  });
});

test("a single condition is shown in a group of one", () => {
  expect(rooted(tag("a"))).toEqual({ kind: "all", of: [tag("a")] });
  expect(rooted({ kind: "none", of: [tag("a")] })).toEqual({ kind: "all", of: [{ kind: "none", of: [tag("a")] }] });
  const group = tree();
  expect(rooted(group)).toBe(group);
});

test("sizes and places", () => {
  expect(countNodes(tree())).toBe(6);
  expect(depthOf(tree())).toBe(3);
  expect(pathText("rule", [1, 0])).toBe("rule.of[1].of[0]");
  expect(pathText("exit", [])).toBe("exit");
});
