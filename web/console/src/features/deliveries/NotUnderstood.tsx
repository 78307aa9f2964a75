import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { FailedInbound } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { useAccounts } from "@/features/inbox/queries";
import { ago, full } from "@/i18n/format";
import { describe, sentenceFor } from "@/i18n/problem";
import { Button, ErrorState, Skeleton, toast, toastError, useNow } from "@/ui";
import { useFailedInbound } from "./queries";

function Row({ failed, now }: { failed: FailedInbound; now: number }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const account = useAccounts().find((a) => a.id === failed.account_id)?.name;
  const retry = useMutation({
    mutationFn: () => api.retryInbound(failed.id),
    onSuccess: () => {
      toast(t("notUnderstood.retried"));
      void cache.invalidateQueries({ queryKey: keys.inbound });
    },
    onError: (error) => toastError(describe(error)),
  });
  return (
    <li className="trouble" data-testid="inbound-row" data-inbound-id={failed.id}>
      <ChannelIcon channel={failed.channel} />
      <div className="grow">
        <p className="trouble-head">
          <strong>{account ?? channelName(failed.channel)}</strong>
          <time dateTime={failed.received_at} title={full(failed.received_at)}>
            {ago(failed.received_at, now)}
          </time>
        </p>
        <p className="trouble-why">{(failed.error_code && sentenceFor({ code: failed.error_code })) || t("notUnderstood.why")}</p>
        <p className="trouble-where mono">
          {failed.error_code || failed.id} · {t("deliveries.tries", { count: failed.attempt })}
        </p>
      </div>
      <div className="trouble-acts">
        <Button size="small" loading={retry.isPending} onClick={() => retry.mutate()}>
          {t("common.retry")}
        </Button>
      </div>
    </li>
  );
}

/** What arrived on a channel, is kept, and could not be read. */
export function NotUnderstood() {
  const { t } = useTranslation();
  const now = useNow();
  const query = useFailedInbound();
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const rows = query.data.items;
  if (rows.length === 0) return <p className="muted">{t("notUnderstood.empty")}</p>;
  return (
    <>
      <p className="muted">{t("notUnderstood.lead")}</p>
      <ul className="list-rows">
        {rows.map((failed) => (
          <Row key={failed.id} failed={failed} now={now} />
        ))}
      </ul>
    </>
  );
}
