import { describe, expect, test } from "vitest";
import type { MessagePage } from "@/api/types";
import { delivery, message } from "@/test/make";
import { insertMessage, joinPage, newerDelivery, patchDelivery, refreshThread, type Thread } from "./thread";

const thread = (seqs: number[], hasMoreBefore = false): Thread => ({ items: seqs.map((s) => message(s)), hasMoreBefore });
const page = (seqs: number[], extra: Partial<MessagePage> = {}): MessagePage => ({
  items: seqs.map((s) => message(s)),
  has_more_before: false,
  has_more_after: false,
  ...extra,
});
const seqs = (t: Thread) => t.items.map((m) => m.seq);

describe("insertMessage", () => {
  test.each([
    ["the next one", thread([1, 2]), 3, [1, 2, 3], null],
    ["a repeat", thread([1, 2, 3]), 3, [1, 2, 3], null],
    ["a repeat in the middle", thread([1, 2, 3]), 2, [1, 2, 3], null],
    ["one that leaves a gap", thread([1, 2]), 5, [1, 2, 5], 2],
    ["one that fills a gap", thread([1, 2, 4]), 3, [1, 2, 3, 4], null],
    ["one older than the part held", thread([10, 11], true), 4, [10, 11], null],
    ["the first of an empty thread", thread([]), 1, [1], null],
    ["a later one of an empty thread", thread([]), 3, [3], 0],
  ])("%s", (_name, held, seq, expected, missing) => {
    const result = insertMessage(held, message(seq));
    expect(seqs(result.thread)).toEqual(expected);
    expect(result.missingAfter).toBe(missing);
  });

  test("a repeat does not take a delivery back", () => {
    const held = insertMessage(thread([]), message(1, { delivery: delivery({ state: "delivered" }) })).thread;
    const again = insertMessage(held, message(1, { delivery: delivery({ state: "queued" }) })).thread;
    expect(again.items[0]?.delivery?.state).toBe("delivered");
  });
});

describe("newerDelivery", () => {
  const later = "2026-01-02T03:05:00.000Z";
  test.each([
    [delivery({ state: "failed" }), delivery({ state: "queued", attempt: 2 }), "queued"],
    [delivery({ state: "sent", updated_at: later }), delivery({ state: "queued" }), "sent"],
    [delivery({ state: "queued" }), delivery({ state: "sent" }), "sent"],
    [null, delivery({ state: "sent" }), "sent"],
  ] as const)("%#", (a, b, state) => {
    expect(newerDelivery(a, b)?.state).toBe(state);
    expect(newerDelivery(b, a)?.state).toBe(state);
  });
});

describe("pages", () => {
  test("an earlier page goes in front and says whether more is there", () => {
    const joined = joinPage(thread([5, 6], true), page([3, 4], { has_more_before: true }), "before");
    expect(seqs(joined)).toEqual([3, 4, 5, 6]);
    expect(joined.hasMoreBefore).toBe(true);
    expect(joinPage(joined, page([1, 2]), "before").hasMoreBefore).toBe(false);
  });

  test("what follows a gap keeps what is known about earlier ones", () => {
    const joined = joinPage(thread([5, 8], true), page([6, 7, 8], { has_more_before: true }), "after");
    expect(seqs(joined)).toEqual([5, 6, 7, 8]);
    expect(joined.hasMoreBefore).toBe(true);
  });

  test("fetching anew keeps earlier pages that touch the newest", () => {
    expect(seqs(refreshThread(thread([1, 2, 3, 4]), page([3, 4, 5], { has_more_before: true })))).toEqual([1, 2, 3, 4, 5]);
    expect(seqs(refreshThread(thread([1, 2]), page([3, 4], { has_more_before: true })))).toEqual([1, 2, 3, 4]);
  });

  test("fetching anew drops what is cut off from the newest", () => {
    const fresh = refreshThread(thread([1, 2]), page([9, 10], { has_more_before: true }));
    expect(seqs(fresh)).toEqual([9, 10]);
    expect(fresh.hasMoreBefore).toBe(true);
  });
});

test("patchDelivery changes the named message only", () => {
  const held: Thread = { items: [message(1, { delivery: delivery() }), message(2, { delivery: delivery() })], hasMoreBefore: false };
  const patched = patchDelivery(held, 2, delivery({ state: "failed", error_code: "x" }));
  expect(patched.items.map((m) => m.delivery?.state)).toEqual(["queued", "failed"]);
  expect(patchDelivery(held, 7, delivery())).toBe(held);
});
