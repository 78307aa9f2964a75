import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Merge } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { ago, full } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { Button, ErrorState, More, Skeleton, toast, toastError, useNow } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { shortValue } from "./identity";
import { mergeWords } from "./merge-words";

function Entry({ merge, now }: { merge: Merge; now: number }) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const confirm = useConfirm();
  const allowed = usePermission("customers.write");
  const undo = useMutation({
    mutationFn: () => api.undoMerge(merge.id),
    onSuccess: () => {
      for (const id of [merge.survivor.id, merge.absorbed.id]) feed.touchCustomer(id);
      toast(t("merge.undoneToast"));
    },
    onError: (error) => toastError(describe(error)),
  });
  const ask = async () => {
    if (await confirm({ title: t("merge.undoTitle"), body: t("merge.undoBody"), act: t("merge.undo") })) undo.mutate();
  };
  return (
    <li data-testid="merge-entry" data-merge-id={merge.id} data-undone={merge.undone ? "" : undefined}>
      <div className="merge-entry">
        <span>{mergeWords(merge)}</span>
        {merge.identities.length > 0 && <small>{t("merge.moved", { identities: merge.identities.map(shortValue).join(t("mail.comma")) })}</small>}
        {merge.undone && (
          <small>
            <time title={full(merge.undone.at)}>{t("merge.undone", { by: merge.undone.actor.name ?? t("activity.somebody"), time: ago(merge.undone.at, now) })}</time>
          </small>
        )}
      </div>
      <time dateTime={merge.at} title={full(merge.at)}>
        {ago(merge.at, now)}
      </time>
      {allowed && !merge.undone && (
        <Button size="small" data-testid="merge-undo" loading={undo.isPending} onClick={() => void ask()}>
          {t("merge.undo")}
        </Button>
      )}
    </li>
  );
}

/** What was joined into a customer, by whom and why; each can be undone, in any order. */
export function MergeLog({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = useInfiniteQuery({
    queryKey: keys.merges(customerId),
    queryFn: ({ pageParam, signal }) => api.merges(customerId, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const merges = query.data.pages.flatMap((page) => page.items);
  if (merges.length === 0) return <p className="muted">{t("merge.noLog")}</p>;
  return (
    <>
      <ul className="merge-log" data-testid="merge-log">
        {merges.map((merge) => (
          <Entry key={merge.id} merge={merge} now={now} />
        ))}
      </ul>
      <More of={query} small />
    </>
  );
}
