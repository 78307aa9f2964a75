import { useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Page } from "@/api/types";
import { useWatch } from "@/realtime/useWatch";
import type { Watched } from "@/realtime/watches";
import { Button, PauseIcon, PlayIcon } from "@/ui";

const PAGE = 50;
/** Who reads this far back does not want the list to move. */
const LIVE_PAGES = 2;

type Ask<T> = (page: { cursor: string | null; limit: number }, signal: AbortSignal) => Promise<Page<T>>;

/** A list that moves by itself until it is paused, and the button for that. */
export function useLiveList<T extends { id: string }>(watched: Watched, queryKey: readonly unknown[], ask: Ask<T>) {
  const { t } = useTranslation();
  const [paused, setPaused] = useState(false);
  const held = useQueryClient().getQueryData<InfiniteData<Page<T>>>(queryKey)?.pages.length ?? 0;
  const live = useWatch(watched, !paused && held <= LIVE_PAGES);
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => ask({ cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: (previous) => previous,
    ...live,
  });
  // Pages that were read while something was added overlap.
  const seen = new Set<string>();
  const rows = (query.data?.pages.flatMap((page) => page.items) ?? []).filter((item) => !seen.has(item.id) && seen.add(item.id));
  const button = (
    <Button icon={paused ? <PlayIcon /> : <PauseIcon />} aria-pressed={paused} data-testid="live-pause" onClick={() => setPaused(!paused)}>
      {t(paused ? "events.resume" : "events.pause")}
    </Button>
  );
  return { query, rows, button };
}
