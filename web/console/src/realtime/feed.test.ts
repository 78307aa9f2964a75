import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Segment } from "@/api/segments";
import type { Conversation, Counts, Customer, Message, Teammate } from "@/api/types";
import { dropPending, openOutbox, outbox, putPending } from "@/features/inbox/outbox";
import { conversation, delivery, message } from "@/test/make";
import { Feed } from "./feed";
import type { ConversationPages } from "./lists";
import type { Thread } from "./thread";

let cache: QueryClient;
let feed: Feed;
const filter = { view: "all", status: "open" } as const;

const list = () => cache.getQueryData<ConversationPages>(keys.list(filter))?.pages.flatMap((p) => p.items) ?? [];
const thread = (id = "1") => cache.getQueryData<Thread>(keys.thread(id));
const counts = () => cache.getQueryData<Counts>(keys.counts);
const held = (id: string) => cache.getQueryData<Conversation>(keys.conversation(id));

function shared(c: Conversation) {
  const { read_seq: _a, read_inbound_count: _b, ...rest } = c;
  return rest;
}

beforeEach(() => {
  cache = new QueryClient();
  feed = new Feed(cache);
  cache.setQueryData(keys.me, { id: "me" });
  cache.setQueryData<Counts>(keys.counts, { mine: 2, unassigned: 0, all: 2, teams: {}, accounts: { a: 2 }, unread: 0 });
  cache.setQueryData<ConversationPages>(keys.list(filter), {
    pages: [{ items: [conversation({ id: "2", assignee_id: "me", last_activity_at: "2026-01-02T05:00:00.000Z" }), conversation({ id: "1", assignee_id: "me", last_seq: 2, version: 5 })], next_cursor: null }],
    pageParams: [null],
  });
  cache.setQueryData<Thread>(keys.thread("1"), { items: [message(1), message(2)], hasMoreBefore: false });
});

afterEach(() => {
  vi.restoreAllMocks();
  cache.clear();
});

const newest = (extra: Partial<Conversation> = {}) =>
  shared(conversation({ id: "1", assignee_id: "me", version: 6, last_seq: 3, inbound_count: 1, last_activity_at: "2026-01-02T06:00:00.000Z", ...extra }));

describe("messages", () => {
  test("a message moves its conversation up, counts it unread, and joins the thread", () => {
    feed.apply({ kind: "message", data: { conversation: newest(), message: message(3) } });
    expect(list().map((c) => c.id)).toEqual(["1", "2"]);
    expect(counts()?.unread).toBe(1);
    expect(thread()?.items.map((m) => m.seq)).toEqual([1, 2, 3]);
  });

  test("the same change twice changes nothing more", () => {
    const change = { kind: "message", data: { conversation: newest(), message: message(3) } } as const;
    feed.apply(change);
    const once = { list: list(), thread: thread()?.items, counts: counts() };
    feed.apply(change);
    expect({ list: list(), thread: thread()?.items, counts: counts() }).toEqual(once);
  });

  test("a gap is fetched from the last seq held", async () => {
    const fetched = vi.spyOn(api, "messages").mockResolvedValue({ items: [message(3), message(4), message(5)], has_more_before: true, has_more_after: false });
    feed.apply({ kind: "message", data: { conversation: newest({ last_seq: 5 }), message: message(5) } });
    await vi.waitFor(() => expect(thread()?.items.map((m) => m.seq)).toEqual([1, 2, 3, 4, 5]));
    expect(fetched).toHaveBeenCalledExactlyOnceWith("1", { after_seq: 2, limit: 200 });
  });

  test("a thread that is not held is not begun", () => {
    feed.apply({ kind: "message", data: { conversation: newest({ id: "2" }), message: message(9, { conversation_id: "2" }) } });
    expect(thread("2")).toBeUndefined();
  });

  test("a delivery's state reaches its message", () => {
    cache.setQueryData<Thread>(keys.thread("1"), { items: [message(1, { delivery: delivery() })], hasMoreBefore: false });
    feed.apply({ kind: "delivery", data: { conversation_id: "1", message_id: "m1", seq: 1, delivery: delivery({ state: "sent" }) } });
    expect(thread()?.items[0]?.delivery?.state).toBe("sent");
  });
});

describe("own messages", () => {
  const own = (): Message => message(3, { direction: "out", client_key: "k1", author: { kind: "teammate", id: "me", name: "Me" } });
  beforeEach(() => {
    localStorage.clear();
    openOutbox("me");
    feed.events.settled = (m) => m.client_key && dropPending(m.client_key);
    putPending({ clientKey: "k1", conversationId: "1", body: "hello", kind: "text", attachments: [], andResolve: false, createdAt: "", state: "sending", problem: null });
  });
  const bySocket = () => feed.apply({ kind: "message", data: { conversation: newest({ inbound_count: 0 }), message: own() } });
  const byAnswer = () => feed.putMessage(own());

  test.each([
    ["the socket first, then the answer", [bySocket, byAnswer]],
    ["the answer first, then the socket", [byAnswer, bySocket]],
  ])("%s: shown once at every moment", (_name, steps) => {
    const shown = () => outbox.get().length + (thread()?.items.filter((m) => m.client_key === "k1").length ?? 0);
    expect(shown()).toBe(1);
    for (const step of steps) {
      step();
      expect(shown()).toBe(1);
    }
    expect(outbox.get()).toEqual([]);
  });

  test("what is unconfirmed survives loading the page, with its client_key", () => {
    openOutbox("somebody else");
    expect(outbox.get()).toEqual([]);
    openOutbox("me");
    expect(outbox.get()).toMatchObject([{ clientKey: "k1", body: "hello", state: "failed", problem: { transient: true } }]);
  });
});

describe("conversations", () => {
  test("one that leaves the view leaves the list and the counts", () => {
    feed.apply({ kind: "conversation", data: { conversation: newest({ status: "resolved" }) } });
    expect(list().map((c) => c.id)).toEqual(["2"]);
    expect(counts()).toMatchObject({ all: 1, mine: 1, accounts: { a: 1 } });
    expect(held("1")?.status).toBe("resolved");
  });

  test("losing sight removes it everywhere", () => {
    feed.apply({ kind: "removed", data: { conversation_id: "1" } });
    expect(list().map((c) => c.id)).toEqual(["2"]);
    expect(thread()).toBeUndefined();
    expect(counts()?.all).toBe(1);
  });

  test("coming into sight inserts it in order", () => {
    vi.spyOn(api, "conversation").mockResolvedValue(conversation({ id: "3", version: 2, last_seq: 9, inbound_count: 4, read_inbound_count: 3, last_activity_at: "2026-01-02T04:00:00.000Z" }));
    feed.apply({ kind: "conversation", data: { conversation: shared(conversation({ id: "3", version: 2, last_seq: 9, last_activity_at: "2026-01-02T04:00:00.000Z" })) } });
    expect(list().map((c) => c.id)).toEqual(["2", "3", "1"]);
  });

  test("reading in another tab is read here", () => {
    feed.apply({ kind: "message", data: { conversation: newest(), message: message(3) } });
    feed.apply({ kind: "read", data: { conversation_id: "1", read_seq: 3, read_inbound_count: 1 } });
    expect(counts()?.unread).toBe(0);
    expect(held("1")).toMatchObject({ read_seq: 3, read_inbound_count: 1 });
  });

  test("the customer's read mark never moves back", () => {
    feed.apply({ kind: "customer_read", data: { conversation_id: "1", seq: 2 } });
    feed.apply({ kind: "customer_read", data: { conversation_id: "1", seq: 1 } });
    expect(held("1")?.customer_read_seq).toBe(2);
  });

  test("a renamed customer is renamed in the list", () => {
    feed.apply({ kind: "customer", data: { customer: { id: "c", name: "Ada", label: "Ada", locale: null, timezone: null, attributes: {}, tags: [], stage: null, last_seen_at: null, created_at: "", online: true } } });
    expect(list().map((c) => c.customer.label)).toEqual(["Ada", "Ada"]);
  });
});

describe("segments and stages", () => {
  const segment = { id: "7", name: "Regulars", description: "", rule: { kind: "all", of: [] }, state: "ready", progress: 100, size: 3, version: 1, used_by: [], created_at: "", updated_at: "", fresh_at: "" } as Segment;
  test("a segment's new size shows in the list and on its page, and its people are asked for", () => {
    cache.setQueryData(keys.segmentList, { items: [segment] });
    cache.setQueryData(keys.segment("7"), segment);
    cache.setQueryData(keys.members("7", ""), { pages: [], pageParams: [] });
    feed.apply({ kind: "segment", data: { segment: { id: "7", size: 4, state: "ready", progress: 100 } } });
    expect(cache.getQueryData<{ items: Segment[] }>(keys.segmentList)?.items[0]).toEqual({ ...segment, size: 4 });
    expect(cache.getQueryData<Segment>(keys.segment("7"))?.size).toBe(4);
    expect(cache.getQueryState(keys.members("7", ""))?.isInvalidated).toBe(true);
  });
  test("a segment that a teammate made, renamed or deleted", () => {
    cache.setQueryData(keys.segmentList, { items: [segment] });
    cache.setQueryData(keys.segment("7"), segment);
    feed.apply({ kind: "segment", data: { segment: { id: "7", size: 3, state: "ready", progress: 100 }, defined: true } });
    expect(cache.getQueryState(keys.segmentList)?.isInvalidated).toBe(true);
    expect(cache.getQueryState(keys.segment("7"))?.isInvalidated).toBe(true);
    feed.apply({ kind: "segment", data: { segment_id: "7", deleted: true } });
    expect(cache.getQueryData<{ items: Segment[] }>(keys.segmentList)?.items).toEqual([]);
    expect(cache.getQueryData(keys.segment("7"))).toBeUndefined();
  });
  test("a journey that looks different is asked for, with its numbers and people, and no other", () => {
    for (const key of [keys.journeyList, keys.journey("1"), keys.journeyNodes("1"), keys.enrollments("1", {}), keys.enrollment("1", "5"), keys.journeyNodes("2")]) cache.setQueryData(key, { items: [] });
    feed.apply({ kind: "journey", data: { journey_id: "1" } });
    for (const key of [keys.journeyList, keys.journey("1"), keys.journeyNodes("1"), keys.enrollments("1", {}), keys.enrollment("1", "5")]) expect(cache.getQueryState(key)?.isInvalidated).toBe(true);
    expect(cache.getQueryState(keys.journeyNodes("2"))?.isInvalidated).toBe(false);
  });
  test("somebody who stands in another column than before makes the board ask anew, everybody else does not", () => {
    vi.useFakeTimers();
    const person = { id: "c", name: "Lin", label: "Lin", stage: null, tags: [] } as unknown as Customer;
    cache.setQueryData(keys.stagePeople("-"), { pages: [{ items: [person] }], pageParams: [null] });
    cache.setQueryData(keys.stagePeople("lead"), { pages: [{ items: [] }], pageParams: [null] });
    feed.apply({ kind: "customer", data: { customer: { ...person, name: "Lin Lin" } } });
    vi.advanceTimersByTime(1_000);
    expect(cache.getQueryState(keys.stagePeople("lead"))?.isInvalidated).toBe(false);
    feed.apply({ kind: "customer", data: { customer: { ...person, stage: { key: "lead", name_en: "Lead", name_zh: "潜客", since: "2026-01-02T03:04:05.678Z" } } } });
    vi.advanceTimersByTime(1_000);
    expect(cache.getQueryState(keys.stagePeople("lead"))?.isInvalidated).toBe(true);
    expect(cache.getQueryState(keys.stagePeople("-"))?.isInvalidated).toBe(true);
    vi.useRealTimers();
  });
});

describe("answers overtaken by changes", () => {
  test("a list that was on its way does not undo a change", async () => {
    const stop = feed.watch();
    let answer: (page: ConversationPages["pages"][number]) => void = () => {};
    const fetching = cache.fetchInfiniteQuery({
      queryKey: keys.list({ view: "all", status: "open", account_id: "a" }),
      queryFn: () => new Promise<ConversationPages["pages"][number]>((resolve) => (answer = resolve)),
      initialPageParam: null as string | null,
    });
    feed.apply({ kind: "conversation", data: { conversation: newest({ status: "resolved" }) } });
    feed.apply({ kind: "conversation", data: { conversation: shared(conversation({ id: "4", version: 1, last_activity_at: "2026-01-02T07:00:00.000Z" })) } });
    answer({ items: [conversation({ id: "1", version: 5 })], next_cursor: null });
    await fetching;
    const data = cache.getQueryData<ConversationPages>(keys.list({ view: "all", status: "open", account_id: "a" }));
    expect(data?.pages.flatMap((p) => p.items.map((c) => c.id))).toEqual(["4"]);
    stop();
  });

  test("a thread that was on its way keeps the message that came meanwhile", async () => {
    const stop = feed.watch();
    cache.removeQueries({ queryKey: keys.thread("1") });
    let answer: (thread: Thread) => void = () => {};
    const fetching = cache.fetchQuery({ queryKey: keys.thread("1"), queryFn: () => new Promise<Thread>((resolve) => (answer = resolve)) });
    feed.apply({ kind: "message", data: { conversation: newest(), message: message(3) } });
    answer({ items: [message(1), message(2)], hasMoreBefore: false });
    await fetching;
    expect(thread()?.items.map((m) => m.seq)).toEqual([1, 2, 3]);
    stop();
  });

  test("more of what is watched is asked for, and asked for again when it overtakes an answer", async () => {
    const stop = feed.watch();
    const answers: ((list: { items: unknown[] }) => void)[] = [];
    const observer = new QueryObserver(cache, { queryKey: keys.events(null, { name: "Bought" }), queryFn: () => new Promise<{ items: unknown[] }>((resolve) => answers.push(resolve)) });
    const leave = observer.subscribe(() => {});
    feed.wake({ kind: "wake", data: { of: "events" } });
    expect(answers).toHaveLength(1); // the first is not given up
    answers[0]!({ items: [] });
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]!({ items: [1] });
    await vi.waitFor(() => expect(observer.getCurrentResult().data?.items).toEqual([1]));
    feed.wake({ kind: "wake", data: { of: "calls" } });
    feed.wake({ kind: "wake", data: { of: "customer", customer_id: "7" } });
    expect(answers).toHaveLength(2);
    leave();
    stop();
  });

  test.each([
    [{ of: "events" }, [keys.events(null, {})]],
    [{ of: "calls" }, [keys.trackingCalls({ status: "refused" })]],
    [{ of: "customer", customer_id: "7" }, [[...keys.timeline("7"), 30], keys.events("7", {}), keys.segmentsOf("7"), keys.customer("7")]],
  ] as const)("%o wakes what shows it, and nothing else", (data, woken) => {
    const all = [keys.events(null, {}), keys.trackingCalls({ status: "refused" }), [...keys.timeline("7"), 30], keys.events("7", {}), keys.segmentsOf("7"), keys.customer("7"), keys.timeline("8"), keys.events("8", {})];
    for (const key of all) cache.setQueryData(key, {});
    feed.wake({ kind: "wake", data });
    expect(all.filter((key) => cache.getQueryState(key)?.isInvalidated)).toEqual(all.filter((key) => woken.some((one) => JSON.stringify(one) === JSON.stringify(key))));
  });

  test("counts that held a change which is heard of afterwards are asked for again", async () => {
    vi.useFakeTimers();
    const stop = feed.watch();
    const resolved = { mine: 1, unassigned: 0, all: 1, teams: {}, accounts: { a: 1 }, unread: 0 };
    const observer = new QueryObserver(cache, { queryKey: keys.counts, queryFn: async () => resolved });
    const leave = observer.subscribe(() => {});
    await vi.waitFor(() => expect(counts()).toEqual(resolved));
    feed.apply({ kind: "conversation", data: { conversation: newest({ status: "resolved" }) } });
    expect(counts()?.all).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(counts()).toEqual(resolved);
    leave();
    stop();
    vi.useRealTimers();
  });

  test("who was invited while the first list was on its way is asked for once more", async () => {
    const stop = feed.watch();
    const answers: ((list: { items: { id: string }[] }) => void)[] = [];
    const observer = new QueryObserver(cache, { queryKey: keys.teammates, queryFn: () => new Promise<{ items: { id: string }[] }>((resolve) => answers.push(resolve)) });
    const leave = observer.subscribe(() => {});
    feed.apply({ kind: "teammate", data: { teammate: { id: "2" } as Teammate } });
    answers[0]!({ items: [{ id: "1" }] });
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]!({ items: [{ id: "1" }, { id: "2" }] });
    await vi.waitFor(() => expect(observer.getCurrentResult().isFetching).toBe(false));
    expect(observer.getCurrentResult().data?.items).toHaveLength(2);
    expect(answers).toHaveLength(2);
    leave();
    stop();
  });
});
