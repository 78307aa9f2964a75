import { describe, expect, test } from "vitest";
import type { MessageSummary, TimelineItem } from "@/api/types";
import { groupTimeline } from "./timeline";

const at = (hours: number, minutes = 0, day = 10) => new Date(2026, 2, day, hours, minutes).toISOString();
const said = (id: string, when: string, conversation = "1", extra: Partial<MessageSummary> = {}): TimelineItem => ({
  kind: "message",
  at: when,
  message: { id, conversation_id: conversation, number: 1, channel: "wechat", account_id: "a", seq: 1, direction: "in", kind: "text", author: { kind: "customer", id: "c", name: "Ming" }, preview: id, attachments: 0, at: when, ...extra },
});
const did = (id: string, when: string): TimelineItem => ({ kind: "event", at: when, event: { id, customer_id: "c", name: "Page Viewed", properties: {}, at: when, received_at: when } });
const shape = (items: TimelineItem[]) => groupTimeline(items).map((day) => day.entries.map((e) => (e.kind === "messages" ? e.messages.map((m) => m.id).join("+") : e.item.kind)));

describe("a timeline", () => {
  test("joins a conversation's messages that follow each other", () => {
    expect(shape([said("d", at(12, 30)), said("c", at(12)), said("b", at(11)), said("a", at(9, 59))])).toEqual([["d+c+b", "a"]]);
  });
  test("keeps conversations and what came between apart", () => {
    expect(shape([said("d", at(12, 3)), said("c", at(12, 2), "2"), said("b", at(12, 1)), did("e", at(12)), said("a", at(11, 59))])).toEqual([["d", "c", "b", "event", "a"]]);
  });
  test("begins a new day at the reader's midnight, also within a run", () => {
    expect(shape([said("b", at(0, 5, 11)), said("a", at(23, 55, 10))])).toEqual([["b"], ["a"]]);
  });
  test("shows once what two pages both brought", () => {
    expect(shape([said("b", at(12)), did("e", at(11)), did("e", at(11)), said("b", at(12))])).toEqual([["b", "event"]]);
  });
  test("is empty without anything", () => {
    expect(groupTimeline([])).toEqual([]);
  });
});
