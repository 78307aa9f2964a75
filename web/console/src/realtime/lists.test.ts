import { describe, expect, test } from "vitest";
import type { Conversation, Counts } from "@/api/types";
import { conversation } from "@/test/make";
import { compareActivity, matches, mergeConversation, placeConversation, removeConversation, shiftCounts, type ConversationPages } from "./lists";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 2, 3, minute)).toISOString();
const one = (id: string, minute: number, extra: Partial<Conversation> = {}) => conversation({ id, last_activity_at: at(minute), ...extra });
const pages = (...groups: [Conversation[], string | null][]): ConversationPages => ({
  pages: groups.map(([items, next_cursor]) => ({ items, next_cursor })),
  pageParams: groups.map(() => null),
});
const ids = (data: ConversationPages) => data.pages.map((p) => p.items.map((c) => c.id));
const all = { view: "all", status: "open" } as const;

describe("placeConversation", () => {
  const held = pages([[one("5", 50), one("4", 40)], "c1"], [[one("3", 30), one("2", 20)], "c2"]);

  test.each([
    ["a new one goes to the top", one("9", 55), [["9", "5", "4"], ["3", "2"]]],
    ["an old one moves up across pages", one("2", 60), [["2", "5", "4"], ["3"]]],
    ["one between pages goes to the second", one("9", 35), [["5", "4"], ["9", "3", "2"]]],
    ["one below the last page held stays out", one("9", 10), [["5", "4"], ["3", "2"]]],
    ["one that sinks below the last page held leaves", one("5", 10), [["4"], ["3", "2"]]],
    ["one that matches no longer leaves", one("4", 60, { status: "resolved" }), [["5"], ["3", "2"]]],
    ["equal activity: the newer conversation first", one("31", 30), [["5", "4"], ["31", "3", "2"]]],
  ])("%s", (_name, news, expected) => {
    expect(ids(placeConversation(held, news, all, "me"))).toEqual(expected);
  });

  test("the last page of a complete list takes the oldest", () => {
    expect(ids(placeConversation(pages([[one("5", 50)], null]), one("1", 1), all, "me"))).toEqual([["5", "1"]]);
  });

  test("a list that does not hold it stays the same object when it is removed", () => {
    expect(removeConversation(held, "77")).toBe(held);
    expect(ids(removeConversation(held, "3"))).toEqual([["5", "4"], ["2"]]);
  });

  test("ids longer than a double's digits are compared exactly", () => {
    const a = one("9007199254740993", 1);
    const b = one("9007199254740992", 1);
    expect(compareActivity(a, b)).toBeLessThan(0);
  });
});

describe("matches", () => {
  test.each([
    [{ view: "mine", status: "open" }, { assignee_id: "me" }, true],
    [{ view: "mine", status: "open" }, { assignee_id: "you" }, false],
    [{ view: "unassigned", status: "open" }, { assignee_id: null }, true],
    [{ view: "unassigned", status: "open" }, { assignee_id: "me" }, false],
    [{ view: "team", team_id: "t", status: "open" }, { team_id: "t" }, true],
    [{ view: "team", team_id: "t", status: "open" }, { team_id: null }, false],
    [{ view: "all", status: "snoozed" }, { status: "open" }, false],
    [{ view: "all", status: "all" }, { status: "resolved" }, true],
    [{ view: "all", status: "open", account_id: "a" }, { account_id: "b" }, false],
    [{ view: "all", status: "all", customer_id: "c" }, { customer: { id: "c", name: null, label: "x" } }, true],
  ] as const)("%o with %o: %s", (filter, extra, expected) => {
    expect(matches(conversation(extra as Partial<Conversation>), filter, "me")).toBe(expected);
  });
});

describe("mergeConversation", () => {
  const known = one("1", 10, { version: 5, read_seq: 3, read_inbound_count: 2, status: "resolved" });

  test("a change without a cursor keeps the reader's own", () => {
    const { read_seq: _a, read_inbound_count: _b, ...shared } = one("1", 12, { version: 6, status: "open" });
    expect(mergeConversation(known, shared)).toMatchObject({ version: 6, status: "open", read_seq: 3, read_inbound_count: 2 });
  });

  test("older news does not replace newer, but its cursor counts", () => {
    const late = one("1", 1, { version: 4, status: "open", read_seq: 9, read_inbound_count: 4 });
    expect(mergeConversation(known, late)).toMatchObject({ version: 5, status: "resolved", read_seq: 9 });
  });
});

describe("shiftCounts", () => {
  const counts: Counts = { mine: 1, unassigned: 2, all: 5, teams: { t: 1 }, accounts: { a: 5 }, unread: 1 };

  test("taking an unassigned conversation", () => {
    const before = one("1", 1, { assignee_id: null, team_id: "t" });
    const after = { ...before, assignee_id: "me", team_id: null };
    expect(shiftCounts(counts, before, after, "me")).toEqual({ mine: 2, unassigned: 1, all: 5, teams: { t: 0 }, accounts: { a: 5 }, unread: 1 });
  });

  test("only one's own unread conversations count as unread", () => {
    const before = one("1", 1, { assignee_id: null, inbound_count: 1 });
    expect(shiftCounts(counts, before, { ...before, inbound_count: 2 }, "me").unread).toBe(1);
    expect(shiftCounts(counts, before, { ...before, assignee_id: "me" }, "me").unread).toBe(2);
  });

  test("resolving an unread one, and the same change twice", () => {
    const before = one("1", 1, { assignee_id: "me", inbound_count: 2, read_inbound_count: 1 });
    const after = { ...before, status: "resolved" as const };
    const shifted = shiftCounts(counts, before, after, "me");
    expect(shifted).toEqual({ mine: 0, unassigned: 2, all: 4, teams: { t: 1 }, accounts: { a: 4 }, unread: 0 });
    expect(shiftCounts(shifted, after, after, "me")).toEqual(shifted);
  });
});
