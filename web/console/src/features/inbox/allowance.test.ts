import { describe, expect, test } from "vitest";
import type { Grant } from "@/api/types";
import { nextTick, remaining, standingOf } from "./allowance";

const now = Date.parse("2026-03-10T08:00:00Z");
const minute = 60_000;
const hour = 60 * minute;
const grant = (trigger: string, count: number, left: number, ms: number): Grant => ({ trigger, count, left, until: new Date(now + ms).toISOString() });
const wechat = (...grants: Grant[]) => ({ channel: "wechat", allowance: { grants } });

describe("what the channel allows", () => {
  test("web chat and mail count nothing", () => {
    expect(standingOf({ channel: "webchat" }, now)).toEqual({ state: "free" });
    expect(standingOf({ channel: "email", allowance: null }, now)).toEqual({ state: "free" });
  });
  test("a fresh message: five, calmly", () => {
    expect(standingOf(wechat(grant("message", 5, 5, 48 * hour)), now)).toMatchObject({ state: "open", left: 5, urgent: false, until: now + 48 * hour });
  });
  test("grants count together and are listed as they are spent", () => {
    const standing = standingOf(wechat(grant("message", 5, 4, 40 * hour), grant("menu", 3, 3, minute)), now);
    expect(standing).toMatchObject({ state: "open", left: 7, urgent: false });
    expect(standing.state === "open" && standing.grants.map((g) => g.trigger)).toEqual(["menu", "message"]);
  });
  test("a grant with nothing left does not lengthen the window", () => {
    expect(standingOf(wechat(grant("message", 5, 0, 40 * hour), grant("scan", 3, 3, minute)), now)).toMatchObject({ left: 3, until: now + minute, urgent: true });
  });
  test.each([
    ["the last message", 1, 40 * hour, true],
    ["two messages", 2, 40 * hour, false],
    ["the last hour", 5, hour, true],
    ["a moment before it", 5, hour + 1, false],
  ])("%s", (_, left, ms, urgent) => {
    expect(standingOf(wechat(grant("message", 5, left, ms)), now)).toMatchObject({ state: "open", urgent });
  });
  test("all used, ended to the millisecond, and never granted", () => {
    expect(standingOf(wechat(grant("message", 5, 0, hour)), now)).toEqual({ state: "closed", why: "spent" });
    expect(standingOf(wechat(grant("message", 5, 5, 1)), now)).toMatchObject({ state: "open" });
    expect(standingOf(wechat(grant("message", 5, 5, 0)), now)).toEqual({ state: "closed", why: "ended" });
    expect(standingOf({ channel: "wechat", allowance: null }, now)).toEqual({ state: "closed", why: "never" });
  });
  test("another channel that counts is believed", () => {
    expect(standingOf({ channel: "line", allowance: { grants: [grant("message", 5, 2, 2 * hour)] } }, now)).toMatchObject({ state: "open", left: 2 });
  });
});

test.each([
  [48 * hour, { unit: "hours", hours: 48, minutes: 0 }],
  [47 * hour + 59 * minute + 59_999, { unit: "hours", hours: 47, minutes: 59 }],
  [hour - 1, { unit: "minutes", minutes: 59 }],
  [5 * minute, { unit: "seconds", minutes: 5, seconds: "00" }],
  [59_001, { unit: "seconds", minutes: 1, seconds: "00" }],
  [59_000, { unit: "seconds", minutes: 0, seconds: "59" }],
  [1, { unit: "seconds", minutes: 0, seconds: "01" }],
  [-5, { unit: "seconds", minutes: 0, seconds: "00" }],
])("%d ms remain", (ms, expected) => {
  expect(remaining(ms)).toEqual(expected);
});

describe("the countdown moves", () => {
  test("by the minute first, by the second at the end, and not at all without a grant", () => {
    expect(nextTick({ grants: [grant("message", 5, 5, 3 * hour + 20_000)] }, now)).toBe(20_000);
    expect(nextTick({ grants: [grant("scan", 3, 3, 59_400)] }, now)).toBe(400);
    expect(nextTick({ grants: [grant("scan", 3, 3, 6 * minute - 30_000)] }, now)).toBe(30_000);
    expect(nextTick({ grants: [grant("message", 5, 5, -1)] }, now)).toBeNull();
    expect(nextTick(null, now)).toBeNull();
  });
  test("with the first of several", () => {
    expect(nextTick({ grants: [grant("message", 5, 5, 3 * hour + 20_000), grant("menu", 3, 3, 30_250)] }, now)).toBe(250);
  });
});
