import { i18n } from "./index";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = i18n.language + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(i18n.language, options);
    cache.set(key, found);
  }
  return found;
}

function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** Length of a span in one unit: "now", "5m", "3h", "2d". */
export function span(ms: number): string {
  if (ms < minute) return i18n.t("time.justNow");
  if (ms < hour) return i18n.t("time.minutes", { count: Math.floor(ms / minute) });
  return i18n.t("time.hours", { count: Math.floor(ms / hour) });
}

/** Relative within a day, a date after that; short enough for a list. */
export function age(instant: string, now: number): string {
  const at = new Date(instant);
  const passed = Math.max(0, now - at.getTime());
  if (passed < day) return span(passed);
  const thisYear = at.getFullYear() === new Date(now).getFullYear();
  return formatter(thisYear ? { month: "short", day: "numeric" } : { year: "numeric", month: "short", day: "numeric" }).format(at);
}

/** Like age, as a phrase: "5m ago", "12 Mar". */
export function ago(instant: string, now: number): string {
  const passed = Math.max(0, now - new Date(instant).getTime());
  if (passed < minute || passed >= day) return age(instant, now);
  return i18n.t("time.ago", { time: span(passed) });
}

/** Hours and minutes in the viewer's zone. */
export function clock(instant: string): string {
  return formatter({ hour: "numeric", minute: "2-digit" }).format(new Date(instant));
}

/** The time to the second, for what arrives live. */
export function clockExact(instant: string): string {
  return formatter({ hour: "numeric", minute: "2-digit", second: "2-digit" }).format(new Date(instant));
}

/** Date and time in full, for titles and detail rows. */
export function full(instant: string): string {
  return formatter({ dateStyle: "medium", timeStyle: "short" }).format(new Date(instant));
}

/** The time alone when it is today, otherwise with the date. */
export function soon(instant: string, now: number): string {
  const at = new Date(instant);
  if (sameDay(at, new Date(now))) return clock(instant);
  return formatter({ weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }).format(at);
}

/** A day separator's words. */
export function dayName(instant: string, now: number): string {
  const at = new Date(instant);
  if (sameDay(at, new Date(now))) return i18n.t("thread.today");
  if (sameDay(at, new Date(now - day))) return i18n.t("thread.yesterday");
  const thisYear = at.getFullYear() === new Date(now).getFullYear();
  return formatter({ weekday: "long", month: "long", day: "numeric", ...(thisYear ? {} : { year: "numeric" }) }).format(at);
}

/** A calendar day, to tell where a separator goes. */
export function dayKey(instant: string): string {
  const at = new Date(instant);
  return `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}`;
}

/** A calendar date without time. */
export function date(instant: string): string {
  return formatter({ dateStyle: "medium" }).format(new Date(instant));
}

export function number(value: number): string {
  return new Intl.NumberFormat(i18n.language).format(value);
}

/** A share of 1 as people write it, with a decimal at most. */
export function share(value: number): string {
  return new Intl.NumberFormat(i18n.language, { style: "percent", maximumFractionDigits: 1 }).format(value);
}

/** A language's name in the reader's language; a tag nobody knows stays as it is. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([i18n.language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Size of a file in the unit people read. */
export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number(Math.round(value * (unit === 0 || value >= 10 ? 1 : 10)) / (unit === 0 || value >= 10 ? 1 : 10))} ${units[unit]}`;
}
