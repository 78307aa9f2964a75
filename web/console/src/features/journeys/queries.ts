import { queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { journeysApi, type FlowProblem, type Journey, type NodeCount } from "@/api/journeys";
import { keys } from "@/api/keys";
import { useTeammates, useTeams } from "@/features/inbox/queries";
import { useNames as useRuleNames } from "@/features/segments";
import { useMe } from "@/features/session/me";
import type { Names } from "./words";

const PAGE = 50;

const none: never[] = [];

export function useJourneys() {
  return useQuery({ queryKey: keys.journeyList, queryFn: ({ signal }) => journeysApi.list(signal) });
}

export function useTemplates(enabled: boolean) {
  return useQuery({ queryKey: keys.journeyTemplates, queryFn: ({ signal }) => journeysApi.templates(signal), enabled, staleTime: Infinity });
}

export const journeyQuery = (id: string) => queryOptions({ queryKey: keys.journey(id), queryFn: ({ signal }) => journeysApi.get(id, signal) });

export const useJourney = (id: string) => useQuery(journeyQuery(id));

/** The numbers of each node, by its id; "" are those of the trigger. Nothing before the first publication. */
export function useCounts({ id, version, entered }: Journey): ReadonlyMap<string, NodeCount> {
  const published = version !== null;
  const items = useQuery({ queryKey: keys.journeyNodes(id), queryFn: ({ signal }) => journeysApi.nodes(id, signal), enabled: published }).data?.items ?? none;
  return useMemo(() => new Map<string, NodeCount>([...(published ? [["", { node: "", waiting: 0, entered, left: entered, outcomes: {} }] as const] : []), ...items.map((c) => [c.node, c] as const)]), [entered, items, published]);
}

/** Problems by the id of their node; "" are those of the journey itself. */
export function useProblems(problems: FlowProblem[] | null | undefined): ReadonlyMap<string, FlowProblem[]> {
  return useMemo(() => {
    const out = new Map<string, FlowProblem[]>();
    for (const problem of problems ?? []) out.set(problem.node, [...(out.get(problem.node) ?? []), problem]);
    return out;
  }, [problems]);
}

/** How segments, stages, teammates and teams are called. */
export function useNames(): Names {
  const me = useMe();
  const rule = useRuleNames();
  const teammates = useTeammates();
  const teams = useTeams();
  return useMemo(
    () => ({
      ...rule,
      teammate: (id) => teammates.find((m) => m.id === id)?.name ?? (id === me.id ? me.name : id),
      team: (id) => teams.find((x) => x.id === id)?.name ?? id,
    }),
    [me, rule, teammates, teams],
  );
}

export interface PeopleFilter {
  state?: string;
  node?: string;
  /** Needs a node: who left it so. */
  outcome?: string;
}

/** Who is or was in a journey, newest first. */
export function useEnrollments(id: string, filter: PeopleFilter) {
  return useInfiniteQuery({
    queryKey: keys.enrollments(id, filter),
    queryFn: ({ pageParam, signal }) => journeysApi.enrollments(id, { ...filter, cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

export function useEnrollment(id: string, enrollment: string) {
  return useQuery({ queryKey: keys.enrollment(id, enrollment), queryFn: ({ signal }) => journeysApi.enrollment(id, enrollment, signal) });
}
