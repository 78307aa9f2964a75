import { useEffect, useState } from "react";
import { serverNow } from "@/api/clock";
import type { Conversation } from "@/api/types";
import { nextTick, standingOf, type Standing } from "./allowance";

/** What the channel allows now; moves on by itself as time passes. */
export function useStanding(conversation: Conversation): { standing: Standing; now: number } {
  const { allowance } = conversation;
  const [, setTick] = useState(0);
  const now = serverNow();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const plan = () => {
      const wait = nextTick(allowance, serverNow());
      if (wait === null) return;
      timer = setTimeout(() => {
        setTick((n) => n + 1);
        plan();
      }, wait);
    };
    // A page that was asleep shows the right time at once when it wakes.
    const wake = () => {
      clearTimeout(timer);
      setTick((n) => n + 1);
      plan();
    };
    plan();
    document.addEventListener("visibilitychange", wake);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [allowance]);
  return { standing: standingOf(conversation, now), now };
}
