import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeAll, expect, test } from "vitest";
import { keys } from "@/api/keys";
import type { RuleNode } from "@/api/rule";
import { startI18n } from "@/i18n";
import { RuleEditor } from "./RuleEditor";

beforeAll(() => startI18n("en"));
afterEach(cleanup);

let held: RuleNode;

function Held({ start, problems }: { start: RuleNode; problems?: Record<string, string> }) {
  const [rule, setRule] = useState(start);
  held = rule;
  return <RuleEditor value={rule} onChange={setRule} problems={problems} />;
}

function show(start: RuleNode, problems?: Record<string, string>) {
  const cache = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
  cache.setQueryData(keys.segmentList, { items: [{ id: "7", name: "Regulars" }] });
  cache.setQueryData(keys.stageList, { items: [{ key: "member", name_en: "Member", name_zh: "会员", position: 3, rule: null, count: 1 }] });
  cache.setQueryData(keys.tags, { items: [{ id: "1", name: "vip", count: 2 }] });
  cache.setQueryData(keys.attributeNames, { items: [{ name: "city", types: ["text"], examples: ["上海"] }] });
  cache.setQueryData(keys.eventNames, { items: [{ name: "Order Completed", count: 12, last_at: "2026-01-01T00:00:00Z", properties: [{ name: "amount", types: ["number"], examples: ["100"] }] }] });
  render(
    <QueryClientProvider client={cache}>
      <Held start={start} {...(problems ? { problems } : {})} />
    </QueryClientProvider>,
  );
}

const story: RuleNode = { kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" }, where: [{ property: "amount", op: "at_least", value: 100 }] };

test("a number that is typed becomes part of the rule, in a group of one", () => {
  show(story);
  const input = within(screen.getByTestId("rule-row")).getAllByRole("spinbutton")[0]!;
  fireEvent.change(input, { target: { value: "3" } });
  expect(held).toEqual({ kind: "all", of: [{ ...story, value: 3 }] });
});

test("what the API says of a place stands beside it", () => {
  show({ kind: "all", of: [{ kind: "tag", name: "vip" }, story] }, { "rule.of[1].where[0].value": "Give a number.", "rule.of[0]": "No such tag." });
  const rows = screen.getAllByTestId("rule-row");
  expect(within(rows[0]!).getByRole("alert").textContent).toBe("No such tag.");
  expect(within(rows[1]!).getByRole("alert").textContent).toBe("Give a number.");
});

test("every kind of condition can be shown", () => {
  const leaves: RuleNode[] = [
    { kind: "attribute", name: "city", op: "in", values: ["上海"] },
    { kind: "none", of: [{ kind: "tag", name: "vip" }] },
    { kind: "stage", values: ["member"], duration: "3d" },
    { ...story, measure: "sum", property: "amount" },
    { ...story, op: "equals", value: 0 },
    { kind: "time", name: "Order Completed", which: "first", op: "within_last", duration: "2w" },
    { kind: "dormant", duration: "1w" },
    { kind: "segment", id: "7" },
    { kind: "reachable", channel: "any", purpose: "marketing" },
  ];
  show({ kind: "any", of: [...leaves, { kind: "none", of: [{ kind: "attribute", name: "city", op: "exists" }] }] });
  expect(screen.getAllByTestId("rule-row")).toHaveLength(10);
  expect(screen.getAllByTestId("rule-group")).toHaveLength(2);
  expect(screen.getByText("Regulars")).toBeTruthy();
  expect(screen.getByText("does not have the tag")).toBeTruthy();
});

test("adds a filter", () => {
  show({ kind: "all", of: [{ ...story, where: undefined }] });
  fireEvent.click(screen.getByTestId("add-filter"));
  expect(held.of?.[0]?.where).toEqual([{ property: "", op: "equals", value: "" }]);
  expect(screen.getByTestId("rule-filter")).toBeTruthy();
});
