import { i18n } from "@/i18n";

/** A schedule as people think of it; anything else is a line of cron. */
export type Schedule = { kind: "daily"; time: string; weekdays: number[] } | { kind: "monthly"; time: string; day: number } | { kind: "cron"; cron: string };

/** A day of the week in the reader's language; 1 is Monday. */
export function weekdayName(day: number): string {
  // 1 January 2024 was a Monday.
  return new Intl.DateTimeFormat(i18n.language, { weekday: "short", timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, day)));
}

const two = (n: number): string => String(n).padStart(2, "0");

/** 1 Monday to 7 Sunday; cron calls Sunday 0. */
function parseWeekdays(text: string): number[] | null {
  if (text === "*") return [];
  const out: number[] = [];
  for (const part of text.split(",")) {
    const range = /^([0-7])(?:-([0-7]))?$/.exec(part);
    if (!range) return null;
    const from = Number(range[1]);
    const to = Number(range[2] ?? range[1]);
    if (from > to) return null;
    for (let day = from; day <= to; day++) out.push(day === 0 ? 7 : day);
  }
  return [...new Set(out)].sort();
}

/** Reads five fields of cron. */
export function parseSchedule(cron: string): Schedule {
  const [minute, hour, day, month, weekday, more] = cron.trim().split(/\s+/);
  const other: Schedule = { kind: "cron", cron };
  if (more !== undefined || !/^\d{1,2}$/.test(minute ?? "") || !/^\d{1,2}$/.test(hour ?? "") || month !== "*") return other;
  if (Number(minute) > 59 || Number(hour) > 23) return other;
  const time = `${two(Number(hour))}:${two(Number(minute))}`;
  if (day === "*") {
    const weekdays = parseWeekdays(weekday ?? "");
    return weekdays ? { kind: "daily", time, weekdays } : other;
  }
  return weekday === "*" && /^\d{1,2}$/.test(day ?? "") && Number(day) >= 1 && Number(day) <= 31 ? { kind: "monthly", time, day: Number(day) } : other;
}

/** Writes five fields of cron. */
export function writeSchedule(schedule: Schedule): string {
  if (schedule.kind === "cron") return schedule.cron;
  const [hour, minute] = schedule.time.split(":").map(Number);
  const at = `${minute ?? 0} ${hour ?? 0}`;
  if (schedule.kind === "monthly") return `${at} ${schedule.day} * *`;
  const days = schedule.weekdays.length === 0 || schedule.weekdays.length === 7 ? "*" : schedule.weekdays.map((d) => d % 7).join(",");
  return `${at} * * ${days}`;
}

/** A day of every year, which has words but no form of its own. */
function yearlyText(cron: string): string | null {
  const [, minute, hour, day, month] = /^(\d{1,2}) (\d{1,2}) (\d{1,2}) (\d{1,2}) \*$/.exec(cron.trim().replace(/\s+/g, " "))?.map(Number) ?? [];
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || minute > 59 || hour > 23 || month < 1 || month > 12) return null;
  // 2024 had every day that a year can have.
  const date = new Date(Date.UTC(2024, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const words = new Intl.DateTimeFormat(i18n.language, { month: "long", day: "numeric", timeZone: "UTC" }).format(date);
  return i18n.t("journeys.say.yearly", { date: words, time: `${two(hour)}:${two(minute)}` });
}

/** A schedule in words. */
export function scheduleText(cron: string): string {
  const schedule = parseSchedule(cron);
  if (schedule.kind === "monthly") return i18n.t("journeys.say.monthly", { time: schedule.time, day: schedule.day });
  if (schedule.kind === "cron") return yearlyText(cron) ?? i18n.t("journeys.say.cron", { cron: cron || "…" });
  return schedule.weekdays.length === 0 || schedule.weekdays.length === 7
    ? i18n.t("journeys.say.daily", { time: schedule.time })
    : i18n.t("journeys.say.weekly", { time: schedule.time, days: schedule.weekdays.map(weekdayName).join(i18n.t("rule.comma")) });
}
