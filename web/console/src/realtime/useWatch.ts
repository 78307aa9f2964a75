import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useVisible } from "@/ui/visible";
import { ofWake } from "./concerns";
import { useConnectionState, useRealtime } from "./provider";
import type { Watched } from "./watches";

/** How often a page asks by itself while the socket is away. */
const ASK_EVERY = 15_000;

/**
 * Keeps what is shown of behaviour true for as long as somebody looks: the tab is
 * shown, and `moving`. Answers for the queries it is about how often they are to be
 * asked by themselves: never while the socket is there.
 */
export function useWatch(watched: Watched, moving = true): { staleTime: 0; refetchInterval: number | false } {
  const { watch } = useRealtime();
  const cache = useQueryClient();
  const connected = useConnectionState().name === "connected";
  const visible = useVisible();
  const looking = moving && visible;
  const away = useRef(false);
  const of = watched.of;
  const customer = watched.of === "customer" ? watched.customer_id : "";
  useEffect(() => {
    const one: Watched = of === "customer" ? { of, customer_id: customer } : { of };
    if (!looking) {
      away.current = true;
      return;
    }
    const release = watch(one);
    if (away.current) for (const queryKey of ofWake({ kind: "wake", data: one })) void cache.invalidateQueries({ queryKey });
    away.current = false;
    return release;
  }, [watch, cache, of, customer, looking]);
  // What was held while nobody watched may be old: whoever comes back asks.
  return { staleTime: 0, refetchInterval: connected || !moving ? false : ASK_EVERY };
}
