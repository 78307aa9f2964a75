import { expect, test } from "vitest";
import type { Task } from "@/api/tasks";
import { byDay, pressing } from "./days";

const now = new Date(2026, 10, 22, 12, 0).getTime();
const at = (hours: number) => new Date(now + hours * 3_600_000).toISOString();

function task(id: string, due_at: string | null): Task {
  return { id, title: id, note: "", customer: null, conversation_id: null, assignee_id: null, team_id: null, due_at, remind_at: null, state: "open", outcome: null, outcome_note: "", overdue: false, escalated_at: null, source: null, created_at: at(-100), created_by: { kind: "teammate", id: "1", name: "Lin" }, completed_at: null, completed_by: null, version: 1 };
}

const ids = (tasks: Task[]) => tasks.map((t) => t.id);

test("tasks stand by what is due first, undated ones last", () => {
  const days = byDay([task("9", null), task("5", at(30)), task("3", at(2)), task("1", at(-26)), task("2", at(-1)), task("4", at(11.5)), task("10", null)], now);
  expect(ids(days.overdue)).toEqual(["1", "2"]);
  expect(ids(days.today)).toEqual(["3", "4"]);
  expect(ids(days.later)).toEqual(["5", "9", "10"]);
});

test("what is late earlier on the same day is overdue, not today's", () => {
  expect(ids(byDay([task("1", at(-3))], now).today)).toEqual([]);
});

test("late and today's tasks press", () => {
  expect(pressing([task("1", at(-50)), task("2", at(1)), task("3", at(50)), task("4", null)], now)).toBe(2);
});
