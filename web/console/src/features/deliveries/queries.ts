import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Delivery, TroubleState } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { useRealtime } from "@/realtime/provider";

const PAGE = 50;
/** Changes come in bursts; the list asks once for all of them. */
const ASK_AFTER = 1_000;

/** How many deliveries need a person. */
export function useTroubleCount(): number {
  const allowed = usePermission("inbox.read");
  return useQuery({ queryKey: keys.troubleCount, queryFn: ({ signal }) => api.countTroubles(signal), enabled: allowed }).data ?? 0;
}

/** The deliveries that need a person, newest first. */
export function useTroubles(state: TroubleState) {
  return useInfiniteQuery({
    queryKey: keys.troubles(state),
    queryFn: ({ pageParam, signal }) => api.troubles(state, pageParam, PAGE, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

/** What arrived and could not be understood. */
export function useFailedInbound() {
  const allowed = usePermission("accounts.manage");
  return useQuery({ queryKey: keys.inbound, queryFn: ({ signal }) => api.failedInbound(signal), enabled: allowed });
}

/** Whether a delivery's new state may change what needs a person. */
export function concernsTrouble(delivery: Pick<Delivery, "state" | "attempt">, known: number): boolean {
  if (delivery.state === "failed" || delivery.state === "unknown") return true;
  if (delivery.state === "queued") return delivery.attempt > 0;
  // A receipt, or another try, may have settled one of those that are known.
  return known > 0 && (delivery.state === "sent" || delivery.state === "delivered" || delivery.state === "read");
}

/** Keeps the count and the list true while deliveries change. */
export function useTroubleSync(): void {
  const cache = useQueryClient();
  const { feed } = useRealtime();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const known = () => cache.getQueryData<number>(keys.troubleCount) ?? 0;
    const askSoon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void cache.invalidateQueries({ queryKey: keys.deliveries });
      }, ASK_AFTER);
    };
    feed.events.delivery = (delivery) => {
      if (concernsTrouble(delivery, known())) askSoon();
    };
    // Whoever resolves a conversation has settled what was left in it.
    feed.events.activity = (code) => {
      if (code === "reopened" || (code === "resolved" && known() > 0)) askSoon();
    };
    return () => {
      clearTimeout(timer);
      delete feed.events.delivery;
      delete feed.events.activity;
    };
  }, [cache, feed]);
}
