import { beforeAll, expect, test } from "vitest";
import { startI18n } from "@/i18n";
import { parseSchedule, scheduleText, writeSchedule } from "./schedule";

beforeAll(() => startI18n("en"));

test.each([
  ["0 9 * * *", { kind: "daily", time: "09:00", weekdays: [] }],
  ["30 18 * * 1-5", { kind: "daily", time: "18:30", weekdays: [1, 2, 3, 4, 5] }],
  ["5 7 * * 0,3", { kind: "daily", time: "07:05", weekdays: [3, 7] }],
  ["0 8 15 * *", { kind: "monthly", time: "08:00", day: 15 }],
])("%s is understood and written the same in meaning", (cron, expected) => {
  const parsed = parseSchedule(cron);
  expect(parsed).toEqual(expected);
  expect(parseSchedule(writeSchedule(parsed))).toEqual(parsed);
});

test.each(["*/5 * * * *", "0 9 1 1 *", "0 9 * * MON", "0 25 * * *", "0 9 1 * 1", "0 9 * *", "", "0 9 * * * *"])("%s stays a line of cron", (cron) => {
  expect(parseSchedule(cron)).toEqual({ kind: "cron", cron });
});

test.each([
  ["0 10 12 12 *", "Every year on December 12 at 10:00"],
  ["5 0 29 2 *", "Every year on February 29 at 00:05"],
  ["0 10 31 4 *", "By the schedule 0 10 31 4 *"],
  ["0 10 12 13 *", "By the schedule 0 10 12 13 *"],
  ["0 10 * 12 *", "By the schedule 0 10 * 12 *"],
])("%s in words", (cron, words) => {
  expect(scheduleText(cron)).toBe(words);
});
