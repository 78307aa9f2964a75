import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { behaviourApi, type ObservedEvent, type ObservedName, type Stage, type Tag } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { segmentsApi, type Segment } from "@/api/segments";
import { i18n } from "@/i18n";
import type { Names } from "./words";

/** What was observed changes slowly; a field that opens twice asks once. */
const OBSERVED_FOR = 60_000;

const none: never[] = [];

export function useSegments(): Segment[] {
  return useQuery({ queryKey: keys.segmentList, queryFn: ({ signal }) => segmentsApi.list(signal), staleTime: OBSERVED_FOR }).data?.items ?? none;
}

export function useStages(): Stage[] {
  return useQuery({ queryKey: keys.stageList, queryFn: ({ signal }) => behaviourApi.stages(signal), staleTime: OBSERVED_FOR }).data?.items ?? none;
}

export function useTags(): Tag[] {
  return useQuery({ queryKey: keys.tags, queryFn: ({ signal }) => behaviourApi.tags(signal), staleTime: OBSERVED_FOR }).data?.items ?? none;
}

export function useEventNames(): ObservedEvent[] {
  return useQuery({ queryKey: keys.eventNames, queryFn: ({ signal }) => behaviourApi.eventNames(signal), staleTime: OBSERVED_FOR }).data?.items ?? none;
}

export function useAttributeNames(): ObservedName[] {
  return useQuery({ queryKey: keys.attributeNames, queryFn: ({ signal }) => behaviourApi.attributeNames(signal), staleTime: OBSERVED_FOR }).data?.items ?? none;
}

/** A stage's name in the reader's language. */
export function stageName(stage: Pick<Stage, "name_en" | "name_zh">): string {
  return i18n.language === "zh-CN" ? stage.name_zh : stage.name_en;
}

/** How segments and stages are called; an id or key nobody knows any more stays as it is. */
export function useNames(): Names {
  const segments = useSegments();
  const stages = useStages();
  return useMemo(
    () => ({
      segment: (id) => segments.find((s) => s.id === id)?.name ?? id,
      stage: (key) => {
        const stage = stages.find((s) => s.key === key);
        return stage ? stageName(stage) : key;
      },
    }),
    [segments, stages],
  );
}
