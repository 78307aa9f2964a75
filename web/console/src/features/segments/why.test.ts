import { beforeAll, expect, test } from "vitest";
import type { RuleNode, Why } from "@/api/rule";
import { startI18n } from "@/i18n";
import { actualText, whyLines } from "./why";

const names = { segment: (id: string) => `S${id}`, stage: (key: string) => key };
const text = (line: { pieces: (string | { name: string })[] }) => line.pieces.map((p) => (typeof p === "string" ? p : p.name)).join("");

beforeAll(() => startI18n("en"));

test("an answer is joined with the conditions it answers, also with those of another segment", () => {
  const inner: RuleNode = { kind: "all", of: [{ kind: "tag", name: "gold" }] };
  const rule: RuleNode = { kind: "all", of: [{ kind: "event", name: "Order", op: "at_least", value: 2 }, { kind: "none", of: [{ kind: "tag", name: "staff" }] }, { kind: "segment", id: "7" }] };
  const why: Why = {
    match: false,
    of: [
      { match: false, actual: 1, until: "2026-01-02T03:04:05Z" },
      { match: true, of: [{ match: false, actual: false }] },
      { match: false, of: [{ match: false, of: [{ match: false, actual: false }] }] },
    ],
  };
  const line = whyLines(rule, why, names, (id) => (id === "7" ? inner : undefined));
  expect(line.group).toBe(true);
  expect(line.of.map((l) => [l.match, text(l), l.actual, l.until])).toEqual([
    [false, "did Order at least 2 times at any time", "Found: 1 time", "2026-01-02T03:04:05Z"],
    [true, "does not have the tag staff", "", null],
    [false, "is in the segment S7", "", null],
  ]);
  expect(text(line.of[2]!.of[0]!.of[0]!)).toBe("has the tag gold");
});

test.each<[RuleNode, unknown, string]>([
  [{ kind: "event", measure: "sum" }, 1250.5, "Found: 1,250.5"],
  [{ kind: "attribute", name: "city" }, null, "city: no value"],
  [{ kind: "attribute", name: "tags" }, ["a", "b"], "tags: a, b"],
  [{ kind: "time", name: "Order" }, null, "Never happened"],
  [{ kind: "stage" }, { stage: "", since: null }, "no stage"],
  [{ kind: "tag", name: "vip" }, true, ""],
])("%j found %j", (leaf, actual, words) => {
  expect(actualText(leaf, actual, names)).toBe(words);
});
