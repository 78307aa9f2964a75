import type { Task } from "@/api/tasks";
import { dayKey } from "@/i18n/format";

/** Open tasks as one works through them. */
export interface Days {
  overdue: Task[];
  today: Task[];
  later: Task[];
}

const time = (task: Task): number => (task.due_at ? Date.parse(task.due_at) : Infinity);

/** Sorts tasks by what is due first, by days of the reader's zone; what has no date comes last. */
export function byDay(tasks: Task[], now: number): Days {
  const out: Days = { overdue: [], today: [], later: [] };
  const today = dayKey(new Date(now).toISOString());
  for (const task of [...tasks].sort((a, b) => time(a) - time(b) || a.id.length - b.id.length || (a.id < b.id ? -1 : 1))) {
    if (task.due_at && time(task) < now) out.overdue.push(task);
    else if (task.due_at && dayKey(task.due_at) === today) out.today.push(task);
    else out.later.push(task);
  }
  return out;
}

/** How many of one's tasks ask for something today. */
export function pressing(tasks: Task[], now: number): number {
  const { overdue, today } = byDay(tasks, now);
  return overdue.length + today.length;
}
