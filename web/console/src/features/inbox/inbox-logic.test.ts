import { describe, expect, test } from "vitest";
import { conversation, message } from "@/test/make";
import { isOrigin, parseOrigins, readableOn } from "@/features/accounts/config";
import { attributeText, parseAttribute } from "@/features/customers/attributes";
import { safeNext } from "@/features/session/enter";
import { parseSearch, stringifySearch } from "@/routes/router";
import { initials } from "@/ui/avatar";
import { seqBeforeLastInbound } from "./actions";
import { thumbSize } from "./Attachments";
import { filterOf } from "./filter";
import { snoozeUntil } from "./SnoozeMenu";

describe("marking unread", () => {
  test("goes to just before the customer's last message", () => {
    const items = [message(1), message(2), message(3, { direction: "out" }), message(4, { direction: "internal", kind: "activity" })];
    expect(seqBeforeLastInbound(conversation({ last_seq: 4 }), items)).toBe(1);
  });
  test("without a message held it is the one before the last", () => {
    expect(seqBeforeLastInbound(conversation({ last_seq: 4 }), [])).toBe(3);
  });
});

describe("snooze presets, in the viewer's zone", () => {
  const friday = new Date(2026, 2, 13, 16, 30);
  const monday = new Date(2026, 2, 16, 8, 0);
  test.each([
    ["in1h", friday, new Date(2026, 2, 13, 17, 30)],
    ["in3h", friday, new Date(2026, 2, 13, 19, 30)],
    ["tomorrow", friday, new Date(2026, 2, 14, 9)],
    ["nextWeek", friday, new Date(2026, 2, 16, 9)],
    ["nextWeek", monday, new Date(2026, 2, 23, 9)],
  ] as const)("%s", (preset, now, expected) => {
    expect(snoozeUntil(preset, now)).toEqual(expected);
  });
});

describe("the address bar", () => {
  test("ids keep all their digits", () => {
    expect(parseSearch("?team=9007199254740993")).toEqual({ team: "9007199254740993" });
    expect(parseSearch(stringifySearch({ team: "9007199254740993", status: undefined }))).toEqual({ team: "9007199254740993" });
  });
  test("a team view without a team shows all", () => {
    expect(filterOf({ view: "team" })).toEqual({ view: "all", status: "open" });
    expect(filterOf({ view: "team", team: "7", status: "all" })).toEqual({ view: "team", team_id: "7", status: "all" });
  });
  test.each([
    ["/inbox/5?view=mine", "/inbox/5?view=mine"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["https://evil.example", "/"],
    ["/sign-in?next=/", "/"],
    [undefined, "/"],
  ])("after signing in %s leads to %s", (next, expected) => {
    expect(safeNext(next)).toBe(expected);
  });
});

describe("attributes", () => {
  test.each([
    ["12", 12],
    ["-0.5", -0.5],
    ["007", "007"],
    ["12345678901234567890", "12345678901234567890"],
    ["true", true],
    ["false", false],
    ["gold", "gold"],
    ["", ""],
    ["[1,2]", [1, 2]],
    ["{broken", "{broken"],
    ["Infinity", "Infinity"],
  ])("%s", (typed, expected) => {
    expect(parseAttribute(typed)).toEqual(expected);
  });
  test("read back as typed", () => {
    for (const value of [12, true, "gold", [1, 2], { a: 1 }]) expect(parseAttribute(attributeText(value))).toEqual(value);
  });
});

describe("origins", () => {
  test.each([
    ["https://shop.example", true],
    ["http://127.0.0.1:8081", true],
    ["*", true],
    ["https://shop.example/path", false],
    ["shop.example", false],
    ["ftp://shop.example", false],
    ["https://", false],
  ])("%s: %s", (text, expected) => {
    expect(isOrigin(text)).toBe(expected);
  });
  test("lines, commas and trailing slashes", () => {
    expect(parseOrigins("https://A.example/\n\nhttps://b.example， https://b.example")).toEqual(["https://a.example", "https://b.example"]);
  });
});

test.each([
  ["林小雨", "雨"],
  ["Anna Schmidt", "AS"],
  ["anna", "A"],
  ["", "?"],
  ["王小明 (VIP)", "明"],
])("the mark of %s is %s", (name, expected) => {
  expect(initials(name)).toBe(expected);
});

test.each([
  [1200, 800, { width: 260, height: 173 }],
  [10, 3000, { width: 40, height: 220 }],
  [100, 80, { width: 100, height: 80 }],
  [null, null, { width: 200, height: 150 }],
])("a picture of %s by %s", (width, height, expected) => {
  expect(thumbSize(width, height)).toEqual(expected);
});

test("text stays readable on any colour", () => {
  expect(readableOn("#0f766e")).toBe("#ffffff");
  expect(readableOn("#fde047")).toBe("#16181d");
});
