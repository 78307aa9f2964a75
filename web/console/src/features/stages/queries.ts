import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { behaviourApi, NO_STAGE } from "@/api/behaviour";
import { api } from "@/api/calls";
import { serverNow } from "@/api/clock";
import { keys } from "@/api/keys";
import type { Customer } from "@/api/types";
import { useRealtime } from "@/realtime/provider";

export function useStageList() {
  return useQuery({ queryKey: keys.stageList, queryFn: ({ signal }) => behaviourApi.stages(signal) });
}

const PAGE = 20;

/** The people of a column, who was seen last first. */
export function useStagePeople(key: string) {
  return useInfiniteQuery({
    queryKey: keys.stagePeople(key),
    queryFn: ({ pageParam, signal }) => api.customers({ stage: key, cursor: pageParam, limit: PAGE, total: key === NO_STAGE && pageParam === null }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

export function useMovement(days: number) {
  return useQuery({
    queryKey: keys.movement(days),
    queryFn: ({ signal }) => {
      const now = serverNow();
      return behaviourApi.movement(new Date(now - days * 86_400_000).toISOString(), new Date(now + 60_000).toISOString(), signal);
    },
    placeholderData: (previous) => previous,
  });
}

export interface Move {
  customer: Customer;
  /** The key of a stage; "" takes out of every stage. */
  to: string;
  reason: string;
}

/** Moves a customer to a stage by hand. */
export function useMoveStage() {
  const cache = useQueryClient();
  const { feed } = useRealtime();
  return useMutation({
    mutationFn: ({ customer, to, reason }: Move) => behaviourApi.moveStage(customer.id, { stage: to, reason }),
    onSuccess: (saved) => {
      feed.putCustomer(saved);
      feed.touchCustomer(saved.id);
      void cache.invalidateQueries({ queryKey: keys.stages });
      void cache.invalidateQueries({ queryKey: keys.stageChanges(saved.id) });
    },
  });
}
