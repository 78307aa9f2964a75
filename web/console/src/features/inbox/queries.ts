import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account, Conversation, Counts, InboxFilter, Setup, Team, Teammate } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { useSetup } from "@/features/session/setup";
import { mergeConversation } from "@/realtime/lists";
import { useRealtime } from "@/realtime/provider";
import { joinPage, refreshThread, type Thread } from "@/realtime/thread";

const LIST_PAGE = 50;
const THREAD_PAGE = 50;

const noTeammates: Teammate[] = [];
const noTeams: Team[] = [];
const noAccounts: Account[] = [];

export function useCounts(): Counts | undefined {
  const allowed = usePermission("inbox.read");
  return useQuery({ queryKey: keys.counts, queryFn: ({ signal }) => api.counts(signal), enabled: allowed }).data;
}

export function useTeammates(): Teammate[] {
  return useQuery({ queryKey: keys.teammates, queryFn: ({ signal }) => api.teammates(signal) }).data?.items ?? noTeammates;
}

export function useTeams(): Team[] {
  return useQuery({ queryKey: keys.teams, queryFn: ({ signal }) => api.teams(signal) }).data?.items ?? noTeams;
}

export function useAccounts(): Account[] {
  return useQuery({ queryKey: keys.accounts, queryFn: ({ signal }) => api.accounts(signal) }).data?.items ?? noAccounts;
}

/** What one message may carry, until the server has said it. */
const usualLimits: Setup["limits"] = { body: 10_000, file_bytes: 25 * 1024 * 1024, files: 10 };

/** What one message may carry, so that it is said before anything is sent. */
export function useLimits(): Setup["limits"] {
  return useSetup()?.limits ?? usualLimits;
}

/** One filtered list, in pages; the feed keeps it in order. */
export function useConversations(filter: Partial<InboxFilter>) {
  return useInfiniteQuery({
    queryKey: keys.list(filter),
    queryFn: ({ pageParam, signal }) => api.conversations(filter, pageParam, LIST_PAGE, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

export function useConversation(id: string) {
  const { feed } = useRealtime();
  return useQuery({
    queryKey: keys.conversation(id),
    queryFn: async ({ signal, client }) => {
      const fetched = await api.conversation(id, signal);
      return mergeConversation(client.getQueryData<Conversation>(keys.conversation(id)), fetched);
    },
    placeholderData: (previous) => (previous?.id === id ? previous : feed.known(id)),
  });
}

/** The newest part of a conversation's messages, and more of it upward on demand. */
export function useThread(id: string) {
  const { feed } = useRealtime();
  const cache = useQueryClient();
  const [loadingOlder, setLoadingOlder] = useState(false);
  const [olderError, setOlderError] = useState<unknown>(null);
  const query = useQuery({
    queryKey: keys.thread(id),
    queryFn: async ({ signal }) => {
      const page = await api.messages(id, { limit: THREAD_PAGE }, signal);
      for (const message of page.items) feed.events.settled?.(message);
      return refreshThread(cache.getQueryData<Thread>(keys.thread(id)), page);
    },
  });
  const first = query.data?.items[0]?.seq;
  const loadOlder = useCallback(async () => {
    if (first === undefined || loadingOlder) return;
    setLoadingOlder(true);
    setOlderError(null);
    try {
      const page = await api.messages(id, { before_seq: first, limit: THREAD_PAGE });
      feed.patchThread(id, (thread) => joinPage(thread, page, "before"));
    } catch (error) {
      setOlderError(error);
    } finally {
      setLoadingOlder(false);
    }
  }, [feed, first, id, loadingOlder]);
  return { query, loadOlder, loadingOlder, olderError };
}

/** A customer's conversations besides one, newest first. */
export function usePastConversations(customerId: string) {
  return useQuery({
    queryKey: keys.conversationsOf(customerId),
    queryFn: ({ signal }) => api.conversations({ customer_id: customerId, status: "all", view: "all" }, null, 20, signal),
  });
}
