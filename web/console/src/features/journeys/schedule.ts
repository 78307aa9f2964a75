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

/** A schedule in words. */
export function scheduleText(cron: string): string {
  const schedule = parseSchedule(cron);
  if (schedule.kind === "monthly") return i18n.t("journeys.say.monthly", { time: schedule.time, day: schedule.day });
  if (schedule.kind === "cron") return i18n.t("journeys.say.cron", { cron: cron || "…" });
  return schedule.weekdays.length === 0 || schedule.weekdays.length === 7
    ? i18n.t("journeys.say.daily", { time: schedule.time })
    : i18n.t("journeys.say.weekly", { time: schedule.time, days: schedule.weekdays.map(weekdayName).join(i18n.t("rule.comma")) });
}
