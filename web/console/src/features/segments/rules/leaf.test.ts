import { describe, expect, test } from "vitest";
import type { Comparison, RuleNode } from "@/api/rule";
import { finished, lacks, leafKinds, newLeaf, opsFor, parsePath, retype, typesOf, withOp } from "./leaf";
import type { Leaf } from "./tree";

const leaf = (node: RuleNode) => node as Leaf;

describe("what a condition lacks", () => {
  test.each<[RuleNode, string[]]>([
    [{ kind: "event", name: "", op: "at_least", value: 1 }, ["name"]],
    [{ kind: "event", name: "Order", op: "at_least", value: 0 }, []],
    [{ kind: "event", name: "Order", op: "at_least", value: "" }, ["value"]],
    [{ kind: "event", name: "Order", op: "at_least", value: 1, measure: "sum", property: "" }, ["property"]],
    [{ kind: "event", name: "Order", op: "at_least", value: 1, where: [{ property: "", op: "equals", value: "x" }] }, ["where[0].property"]],
    [{ kind: "event", name: "Order", op: "at_least", value: 1, where: [{ property: "a", op: "exists" }, { property: "b", op: "in", values: [] }] }, ["where[1].values"]],
    [{ kind: "event", name: "Order", op: "at_least", value: 1, window: { from: "" } }, ["window"]],
    [{ kind: "attribute", name: "vip", op: "equals", value: false }, []],
    [{ kind: "attribute", name: "city", op: "equals", value: "" }, ["value"]],
    [{ kind: "attribute", name: "city", op: "not_exists" }, []],
    [{ kind: "time", name: "Order", op: "within_last", duration: "" }, ["duration"]],
    [{ kind: "stage", values: [] }, ["values"]],
    [{ kind: "stage", values: [""] }, []],
    [{ kind: "segment", id: "" }, ["id"]],
    [{ kind: "reachable", channel: "any" }, []],
  ])("%j lacks %j", (node, missing) => expect(lacks(leaf(node))).toEqual(missing));

  test("new conditions of every kind say what they are for", () => {
    for (const kind of leafKinds) expect(newLeaf(kind).kind).toBe(kind);
    expect(lacks(newLeaf("dormant"))).toEqual([]);
  });
});

describe("another comparison", () => {
  test.each<[RuleNode, Comparison, object]>([
    [{ kind: "attribute", op: "equals", value: "Shanghai" }, "in", { op: "in", values: ["Shanghai"] }],
    [{ kind: "attribute", op: "in", values: ["a", "b"] }, "equals", { op: "equals", value: "a" }],
    [{ kind: "attribute", op: "equals", value: "12" }, "at_least", { op: "at_least", value: 12 }],
    [{ kind: "attribute", op: "equals", value: "twelve" }, "at_least", { op: "at_least", value: "" }],
    [{ kind: "attribute", op: "equals", value: 12 }, "contains", { op: "contains", value: "12" }],
    [{ kind: "attribute", op: "equals", value: "x" }, "exists", { op: "exists" }],
    [{ kind: "attribute", op: "exists" }, "within_last", { op: "within_last", duration: "30d" }],
    [{ kind: "attribute", op: "within_last", duration: "7d" }, "more_than_ago", { op: "more_than_ago", duration: "7d" }],
    [{ kind: "attribute", op: "equals", value: "12" }, "before", { op: "before", value: "" }],
    [{ kind: "attribute", op: "before", value: "2026-01-01" }, "after", { op: "after", value: "2026-01-01" }],
  ])("%j becomes %s", (held, op, after) => {
    expect(JSON.parse(JSON.stringify(withOp(held, op)))).toEqual(after);
  });

  test("is offered by what was observed", () => {
    expect(opsFor([]).flat()).toEqual(expect.arrayContaining(["contains", "at_least", "before", "exists"]));
    expect(opsFor(typesOf(["number"])).flat()).not.toContain("contains");
    expect(opsFor(typesOf(["boolean"])).flat()).toEqual(["equals", "not_equals", "exists", "not_exists"]);
    expect(opsFor(typesOf(["time"])).flat()).not.toContain("equals");
  });
});

test("another kind keeps the event's name and its properties, and nothing else", () => {
  const event = leaf({ kind: "event", name: "Order", op: "at_least", value: 3, where: [{ property: "amount", op: "at_least", value: 100 }] });
  expect(retype(event, "time")).toMatchObject({ kind: "time", name: "Order", where: event.where });
  expect(retype(event, "tag")).toEqual({ kind: "tag", name: "" });
});

describe("what can be asked already", () => {
  const done: RuleNode = { kind: "tag", name: "vip" };
  const open: RuleNode = { kind: "tag", name: "" };
  test("leaves unfinished conditions out and knows where the others stood", () => {
    const { rule, unfinished, origin } = finished({ kind: "all", of: [open, { kind: "any", of: [open, done] }, { kind: "any", of: [open] }, done] });
    expect(rule).toEqual({ kind: "all", of: [{ kind: "any", of: [done] }, done] });
    expect(unfinished).toEqual([[0], [1, 0], [2, 0]]);
    expect(origin.get("0,0")).toEqual([1, 1]);
    expect(origin.get("1")).toEqual([3]);
  });
  test("is everybody when nothing is finished", () => {
    expect(finished({ kind: "all", of: [open] }).rule).toEqual({ kind: "all", of: [] });
  });
});

test("places that the API names", () => {
  expect(parsePath("rule.of[1].of[0].where[2].value")).toEqual([1, 0]);
  expect(parsePath("rule")).toEqual([]);
});
