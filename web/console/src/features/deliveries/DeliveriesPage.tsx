import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Trouble, TroubleState } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { ProviderSaid, reasonOf, RetryDelivery } from "@/features/inbox/DeliveryMark";
import { useAccounts } from "@/features/inbox/queries";
import { usePermission } from "@/features/session/me";
import { ago, full } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Button, DeliveredIcon, EmptyState, ErrorState, More, Page, Section, Segmented, Skeleton, Tag, toast, toastError, useNow } from "@/ui";
import { NotUnderstood } from "./NotUnderstood";
import { useTroubles } from "./queries";
import "@/features/teammates/teammates.css";
import "./deliveries.css";

const states: TroubleState[] = ["all", "failed", "unknown"];

/** Takes off the list what stands in no conversation. */
function DismissDelivery({ id, onDismissed }: { id: string; onDismissed: () => void }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const dismiss = async () => {
    setBusy(true);
    try {
      await api.dismissDelivery(id);
      onDismissed();
    } catch (error) {
      toastError(describe(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button size="small" loading={busy} data-testid="delivery-dismiss" onClick={() => void dismiss()}>
      {t("deliveries.dismiss")}
    </Button>
  );
}

function TroubleRow({ trouble, now, onRetried, onDismissed }: { trouble: Trouble; now: number; onRetried: () => void; onDismissed: () => void }) {
  const { t } = useTranslation();
  const mayReply = usePermission("inbox.reply");
  const account = useAccounts().find((a) => a.id === trouble.account_id)?.name;
  const { delivery } = trouble;
  const unknown = delivery.state === "unknown";
  return (
    <li className="trouble" data-testid="trouble-row" data-delivery-id={delivery.id} data-state={delivery.state}>
      <CustomerAvatar customer={trouble.customer} size={32} />
      <div className="grow">
        <p className="trouble-head">
          <ChannelIcon channel={trouble.channel} />
          <strong>{customerName(trouble.customer)}</strong>
          <Tag tone={unknown ? "warn" : "danger"}>{t(unknown ? "deliveries.unknown" : "deliveries.failed")}</Tag>
          <time dateTime={delivery.updated_at} title={full(delivery.updated_at)}>
            {ago(delivery.updated_at, now)}
          </time>
        </p>
        <p className="trouble-preview">
          {trouble.author_name ? t("inbox.previewBy", { name: trouble.author_name }) : ""}
          {trouble.preview || t("notify.files")}
        </p>
        <p className="trouble-why">{unknown ? t("deliveries.unknownWhy") : (reasonOf(delivery) ?? t("delivery.failedPlain"))} <ProviderSaid delivery={delivery} /></p>
        <p className="trouble-where">
          {trouble.source ? t("deliveries.journey", { name: trouble.source.journey_name }) : `#${trouble.number}`}
          {account ? ` · ${account}` : ""}
          {delivery.attempt > 1 ? ` · ${t("deliveries.tries", { count: delivery.attempt })}` : ""}
        </p>
      </div>
      <div className="trouble-acts">
        {mayReply && <RetryDelivery delivery={delivery} onRetried={onRetried} block />}
        {trouble.conversation_id ? (
          <Link className="trouble-open" data-testid="trouble-open" to="/inbox/$conversationId" params={{ conversationId: trouble.conversation_id }} search={{ view: "all", status: "all" }}>
            {t("deliveries.open")}
          </Link>
        ) : (
          <>
            {mayReply && <DismissDelivery id={delivery.id} onDismissed={onDismissed} />}
            <Link className="trouble-open" data-testid="trouble-open" to="/customers/$customerId" params={{ customerId: trouble.customer.id }}>
              {t("deliveries.openCustomer")}
            </Link>
          </>
        )}
      </div>
    </li>
  );
}

function Troubles({ state }: { state: TroubleState }) {
  const { t } = useTranslation();
  const now = useNow();
  const cache = useQueryClient();
  const query = useTroubles(state);
  if (query.isPending) return <Skeleton lines={6} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const rows = query.data.pages.flatMap((page) => page.items);
  if (rows.length === 0) {
    return (
      <EmptyState icon={<DeliveredIcon />} title={t(state === "all" ? "deliveries.emptyTitle" : "deliveries.emptyStateTitle")}>
        {t("deliveries.emptyBody")}
      </EmptyState>
    );
  }
  const dismissed = () => void cache.invalidateQueries({ queryKey: keys.deliveries });
  const retried = () => {
    toast(t("deliveries.retried"));
    dismissed();
  };
  return (
    <>
      <ul className="list-rows" data-testid="trouble-list">
        {rows.map((trouble) => (
          <TroubleRow key={trouble.delivery.id} trouble={trouble} now={now} onRetried={retried} onDismissed={dismissed} />
        ))}
      </ul>
      <More of={query} />
    </>
  );
}

/** What was not delivered, or may not have been: a person decides. */
export function DeliveriesPage({ state }: { state: TroubleState }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayAccounts = usePermission("accounts.manage");
  return (
    <Page title={t("deliveries.title")} lead={t("deliveries.lead")}>
      <div className="stack">
        <Segmented<TroubleState>
          aria-label={t("inbox.status")}
          style={{ justifySelf: "start" }}
          value={state}
          onChange={(next) => void navigate({ to: "/deliveries", search: next === "all" ? {} : { state: next } })}
          options={states.map((value) => ({ value, label: t(`deliveries.${value}`) }))}
        />
        <Troubles state={state} />
      </div>
      {mayAccounts && (
        <div className="not-understood">
          <Section title={t("notUnderstood.title")}>
            <NotUnderstood />
          </Section>
        </div>
      )}
    </Page>
  );
}
