import type { Allowance, Grant } from "@/api/types";
import { countsReplies } from "@/features/channels/channels";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** From here on one should hurry: the last message, or the last hour. */
const URGENT = hour;
/** From here on seconds are shown. */
const SECONDS_SHOWN = 5 * minute;

/** Whether one may still write, how many times and how long. */
export type Standing =
  | { state: "free" }
  | { state: "open"; left: number; until: number; urgent: boolean; grants: Grant[] }
  /** `spent`: a grant still runs, but all its messages are used. `ended`: none runs. `never`: there never was one. */
  | { state: "closed"; why: "spent" | "ended" | "never" };

/** The grants that still run, in the order in which they are spent. */
export function running(allowance: Allowance | null | undefined, now: number): Grant[] {
  return (allowance?.grants ?? []).filter((g) => Date.parse(g.until) > now).sort((a, b) => Date.parse(a.until) - Date.parse(b.until));
}

/** What the channel allows at an instant. */
export function standingOf(conversation: { channel: string; allowance?: Allowance | null }, now: number): Standing {
  const { channel, allowance } = conversation;
  if (!allowance && !countsReplies(channel)) return { state: "free" };
  if (!allowance || allowance.grants.length === 0) return { state: "closed", why: allowance ? "ended" : "never" };
  const grants = running(allowance, now);
  if (grants.length === 0) return { state: "closed", why: "ended" };
  const usable = grants.filter((g) => g.left > 0);
  if (usable.length === 0) return { state: "closed", why: "spent" };
  const left = usable.reduce((sum, g) => sum + g.left, 0);
  const until = Math.max(...usable.map((g) => Date.parse(g.until)));
  return { state: "open", left, until, urgent: left <= 1 || until - now <= URGENT, grants };
}

/** A length of time for a countdown: the two parts that matter, rounded down. */
export type Remaining = { unit: "hours"; hours: number; minutes: number } | { unit: "minutes"; minutes: number } | { unit: "seconds"; minutes: number; seconds: string };

export function remaining(ms: number): Remaining {
  const rest = Math.max(0, ms);
  if (rest >= hour) return { unit: "hours", hours: Math.floor(rest / hour), minutes: Math.floor((rest % hour) / minute) };
  if (rest > SECONDS_SHOWN) return { unit: "minutes", minutes: Math.floor(rest / minute) };
  // Rounded up, so that it reads 0:00 only when it is over.
  const seconds = Math.ceil(rest / second);
  return { unit: "seconds", minutes: Math.floor(seconds / 60), seconds: String(seconds % 60).padStart(2, "0") };
}

/**
 * Milliseconds until a countdown reads differently, or until a grant ends;
 * null when nothing runs.
 */
export function nextTick(allowance: Allowance | null | undefined, now: number): number | null {
  const ends = running(allowance, now).map((g) => Date.parse(g.until) - now);
  if (ends.length === 0) return null;
  const steps = ends.map((ms) => (ms <= SECONDS_SHOWN ? ms % second || second : Math.min(ms % minute || minute, ms - SECONDS_SHOWN)));
  return Math.max(50, Math.min(...steps));
}
