import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { keys } from "@/api/keys";
import { segmentsApi, type Segment } from "@/api/segments";
import { describe } from "@/i18n/problem";
import { createStore, useStore } from "@/realtime/store";
import { toast, toastError } from "@/ui";

/** How long a deletion can be taken back: as long as its notice stands there. */
const UNDO_FOR = 8_000;

/** Segments that are about to be deleted: no list shows them. */
const leaving = createStore<ReadonlySet<string>>(new Set());
const due = new Map<string, () => void>();

export const useLeaving = (): ReadonlySet<string> => useStore(leaving);

function keep(id: string): void {
  leaving.set((ids) => new Set([...ids].filter((other) => other !== id)));
}

// Whoever closes the page has decided.
window.addEventListener("pagehide", () => {
  for (const id of due.keys()) void segmentsApi.remove(id, true).catch(() => {});
  due.clear();
});

/** Deletes a segment unless it is taken back in time; a refusal brings it back with the reason. */
export function useDeleteSegment(): (segment: Segment) => void {
  const { t } = useTranslation();
  const cache = useQueryClient();
  return useCallback(
    ({ id, name }) => {
      const commit = async () => {
        due.delete(id);
        try {
          await segmentsApi.remove(id);
          cache.removeQueries({ queryKey: keys.segment(id) });
        } catch (error) {
          toastError(describe(error));
        }
        await cache.invalidateQueries({ queryKey: keys.segmentList });
        keep(id);
      };
      const timer = setTimeout(() => void commit(), UNDO_FOR);
      due.set(id, () => clearTimeout(timer));
      leaving.set((ids) => new Set([...ids, id]));
      toast(t("segments.deleted", { name }), {
        label: t("common.undo"),
        run: () => {
          due.get(id)?.();
          due.delete(id);
          keep(id);
        },
      });
    },
    [cache, t],
  );
}
