import { beforeAll, describe, expect, test } from "vitest";
import type { RuleNode } from "@/api/rule";
import { setLocale, startI18n } from "@/i18n";
import { durationText, eventMode, open, ruleText, slotted } from "./words";

const names = { segment: (id: string) => `S${id}`, stage: (key: string) => key.toUpperCase() };
const story: RuleNode = { kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" }, where: [{ property: "amount", op: "at_least", value: 100 }] };

const cases: [RuleNode, string, string][] = [
  [story, "did Order Completed at least 2 times in the last 30 days, where amount ≥ 100", "最近 30 天内发生 Order Completed 至少 2 次，其中 amount ≥ 100"],
  [{ ...story, value: 1, where: undefined, window: undefined }, "did Order Completed at least 1 time at any time", "不限时间发生 Order Completed 至少 1 次"],
  [{ ...story, op: "equals", value: 0, where: undefined }, "did not do Order Completed in the last 30 days", "最近 30 天内没有发生 Order Completed"],
  [{ ...story, measure: "sum", property: "amount", value: 5000, where: undefined }, "the total amount of Order Completed is at least 5,000 in the last 30 days", "最近 30 天内 Order Completed 的 amount 合计至少 5,000"],
  [{ kind: "attribute", name: "city", op: "in", values: ["上海", "北京"] }, "city is one of 上海, 北京", "city 是 上海、北京 之一"],
  [{ kind: "attribute", name: "$locale", op: "exists" }, "Language has a value", "语言 有值"],
  [{ kind: "time", name: "Order Completed", which: "last", op: "more_than_ago", duration: "2w" }, "last did Order Completed: more than 2 weeks ago", "最近一次发生 Order Completed 的时间在 2 周以前"],
  [{ kind: "none", of: [{ kind: "tag", name: "vip" }] }, "does not have the tag vip", "没有标签 vip"],
  [{ kind: "stage", values: ["member", ""], duration: "1d" }, "is in stage MEMBER, no stage for at least 1 day", "处于阶段 MEMBER、未分阶段，至少 1 天"],
  [{ kind: "dormant", duration: "365d" }, "has not been seen for 365 days", "未出现已满 365 天"],
  [{ kind: "segment", id: "7" }, "is in the segment S7", "属于人群 S7"],
  [{ kind: "reachable", channel: "any", purpose: "marketing" }, "can be reached on any channel for marketing", "可触达：任一渠道，营销信息"],
  [{ kind: "all", of: [] }, "everybody", "所有人"],
  [
    { kind: "all", of: [{ kind: "tag", name: "a" }, { kind: "any", of: [{ kind: "tag", name: "b" }, { kind: "tag", name: "c" }] }] },
    "has the tag a and (has the tag b or has the tag c)",
    "有标签 a，且（有标签 b，或有标签 c）",
  ],
  [{ kind: "none", of: [{ kind: "tag", name: "a" }, { kind: "tag", name: "b" }] }, "not (has the tag a or has the tag b)", "不满足（有标签 a，或有标签 b）"],
  [{ kind: "event", name: "", op: "at_least", value: "" }, "did … at least … times at any time", "不限时间发生 … 至少 … 次"],
];

beforeAll(() => startI18n("en"));

describe("a rule in words", () => {
  test.each(cases)("%j", async (rule, en, zh) => {
    await setLocale("en");
    expect(ruleText(rule, names).toLowerCase()).toBe(en.toLowerCase());
    await setLocale("zh-CN");
    expect(ruleText(rule, names)).toBe(zh);
  });
});

test("a sentence with open slots", () => {
  expect(slotted(`did ${open("event")} ${open("op")}`)).toEqual(["did ", { slot: "event" }, " ", { slot: "op" }]);
  expect(slotted("plain")).toEqual(["plain"]);
});

test("lengths, also such as nobody wrote here", async () => {
  await setLocale("en");
  expect([durationText("1h"), durationText("90m"), durationText("45s"), durationText("soon"), durationText(undefined)]).toEqual(["1 hour", "90 minutes", "45 seconds", "soon", "…"]);
});

test("how an event condition is read", () => {
  expect([eventMode(story), eventMode({ ...story, op: "equals", value: 0 }), eventMode({ ...story, op: "equals", value: 1 }), eventMode({ ...story, measure: "sum", op: "equals", value: 0 })]).toEqual(["count", "never", "count", "sum"]);
});
