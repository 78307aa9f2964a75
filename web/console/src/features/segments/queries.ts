import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { keys } from "@/api/keys";
import type { RuleNode } from "@/api/rule";
import { segmentsApi, type Segment } from "@/api/segments";
import { finished, parsePath, type Finished } from "./rules/leaf";

/** Sizes move by themselves; how fresh they are is asked for as often as this. */
const ASK_EVERY = 15_000;
/** While a definition is being gone through, progress is worth more questions. */
const ASK_BUILDING_EVERY = 1_500;

export function useSegmentList() {
  return useQuery({
    queryKey: keys.segmentList,
    queryFn: ({ signal }) => segmentsApi.list(signal),
    refetchInterval: (query) => (query.state.data?.items.some((s) => s.state === "building") ? ASK_BUILDING_EVERY : ASK_EVERY),
  });
}

export function useSegment(id: string) {
  return useQuery({
    queryKey: keys.segment(id),
    queryFn: ({ signal }) => segmentsApi.one(id, signal),
    refetchInterval: (query) => (query.state.data?.state === "building" ? ASK_BUILDING_EVERY : ASK_EVERY),
  });
}

/** Puts a segment that the server just answered everywhere it shows. */
export function usePutSegment(): (segment: Segment) => void {
  const cache = useQueryClient();
  return useCallback(
    (segment) => {
      cache.setQueryData(keys.segment(segment.id), segment);
      void cache.invalidateQueries({ queryKey: keys.segmentList });
      void cache.invalidateQueries({ queryKey: keys.membersOf(segment.id) });
      void cache.invalidateQueries({ queryKey: keys.membershipChanges(segment.id) });
    },
    [cache],
  );
}

export function useMembers(id: string, q: string) {
  return useInfiniteQuery({
    queryKey: keys.members(id, q),
    queryFn: ({ pageParam, signal }) => segmentsApi.members(id, q, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    // While one types; another segment's people are not this one's.
    placeholderData: (previous, of) => (of?.queryKey[2] === id ? previous : undefined),
  });
}

export function useMembershipChanges(id: string) {
  return useInfiniteQuery({
    queryKey: keys.membershipChanges(id),
    queryFn: ({ pageParam, signal }) => segmentsApi.changes(id, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

/** Typing must pause this long before people are counted. */
const COUNT_AFTER = 300;

function useSettled<T>(value: T, after: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const id = setTimeout(() => setSettled(value), after);
    return () => clearTimeout(id);
  }, [after, value]);
  return settled;
}

export interface LivePreview {
  query: ReturnType<typeof usePreviewQuery>;
  /** What of the rule is asked already. */
  asked: Finished;
  /** How many people each part of the whole rule takes, by its place. */
  counts: ReadonlyMap<string, number>;
  /** The numbers are of an earlier form of the rule. */
  stale: boolean;
}

function usePreviewQuery(rule: RuleNode, text: string) {
  return useQuery({
    queryKey: keys.segmentPreview(text),
    // The signal ends the count as soon as nobody waits for this form of the rule any more.
    queryFn: ({ signal }) => segmentsApi.preview(rule, signal),
    placeholderData: (previous) => previous,
    retry: false,
    staleTime: 5_000,
    gcTime: 60_000,
  });
}

/** Counts people while a rule is being written. */
export function usePreview(rule: RuleNode): LivePreview {
  const asked = useMemo(() => finished(rule), [rule]);
  const now = useMemo(() => JSON.stringify(asked.rule), [asked]);
  const text = useSettled(now, COUNT_AFTER);
  const query = usePreviewQuery(useMemo(() => JSON.parse(text) as RuleNode, [text]), text);
  const current = text === now && !query.isPlaceholderData && !query.isError;
  const counts = useMemo(() => {
    const out = new Map<string, number>();
    if (!current) return out;
    for (const row of query.data?.rows ?? []) {
      const at = asked.origin.get(parsePath(row.path).join());
      if (at) out.set(at.join(), row.count);
    }
    return out;
  }, [asked, current, query.data]);
  return { query, asked, counts, stale: !current };
}
