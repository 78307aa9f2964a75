import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Conversation, Customer } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { attributeShown } from "@/features/customers/attributes";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { IdentityList } from "@/features/customers/IdentityList";
import { CustomerStage, CustomerTags } from "@/features/customers/Standing";
import { Timeline } from "@/features/customers/Timeline";
import { CustomerTasks } from "@/features/tasks/CustomerTasks";
import { ago, age, full, languageName } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useCustomerOnline } from "@/realtime/hints";
import { useRealtime } from "@/realtime/provider";
import { CloseIcon, EditIcon, ErrorState, IconButton, Input, Skeleton, toastError, useNow } from "@/ui";
import { usePanel } from "./panel-state";
import { useAccounts, usePastConversations } from "./queries";

function NameEditor({ customer, fallback }: { customer: Customer | undefined; fallback: string }) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const allowed = usePermission("customers.write");
  const [typed, setTyped] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (name: string) => api.updateCustomer(customer!.id, { name: name.trim() || null }),
    onSuccess: (saved) => feed.putCustomer(saved),
    onError: (error) => toastError(describe(error)),
  });
  if (typed === null) {
    return (
      <div className="panel-name">
        <strong>{customer ? customerName(customer) : fallback}</strong>
        {allowed && customer && <IconButton size="small" label={t("panel.editName")} icon={<EditIcon />} data-testid="customer-name-edit" onClick={() => setTyped(customer.name ?? "")} />}
      </div>
    );
  }
  const done = () => {
    setTyped(null);
    if (customer && typed.trim() !== (customer.name ?? "")) save.mutate(typed);
  };
  return (
    <Input
      size="small"
      autoFocus
      data-testid="customer-name-input"
      aria-label={t("panel.name")}
      placeholder={t("panel.noName")}
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing || event.keyCode === 229) return;
        if (event.key === "Enter") done();
        if (event.key === "Escape") {
          event.stopPropagation();
          setTyped(null);
        }
      }}
    />
  );
}

function Past({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = usePastConversations(conversation.customer.id);
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const others = query.data.items.filter((c) => c.id !== conversation.id);
  if (others.length === 0) return <p className="panel-muted">{t("panel.noPast")}</p>;
  return (
    <ul>
      {others.map((c) => (
        <li key={c.id}>
          <Link className="panel-link" to="/inbox/$conversationId" params={{ conversationId: c.id }} search={(previous) => previous}>
            <ChannelIcon channel={c.channel} />
            <span>
              #{c.number} {c.last_message?.preview}
            </span>
            <time dateTime={c.last_activity_at} title={full(c.last_activity_at)}>
              {age(c.last_activity_at, now)}
            </time>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Facts({ conversation, customer }: { conversation: Conversation; customer: Customer }) {
  const { t } = useTranslation();
  const account = useAccounts().find((a) => a.id === conversation.account_id);
  const attributes = Object.entries(customer.attributes);
  return (
    <>
      <section>
        <dl className="facts">
          <dt>{t("panel.channel")}</dt>
          <dd>
            <ChannelIcon channel={conversation.channel} /> {account?.name ?? t("common.notAvailable")}
          </dd>
          <dt>{t("panel.started")}</dt>
          <dd>{full(conversation.created_at)}</dd>
          {customer.locale && (
            <>
              <dt>{t("panel.locale")}</dt>
              <dd>{languageName(customer.locale)}</dd>
            </>
          )}
          {customer.timezone && (
            <>
              <dt>{t("panel.timezone")}</dt>
              <dd>{customer.timezone}</dd>
            </>
          )}
        </dl>
      </section>
      <section>
        <h3>{t("panel.attributes")}</h3>
        {attributes.length === 0 ? (
          <p className="panel-muted">{t("panel.noAttributes")}</p>
        ) : (
          <dl className="facts">
            {attributes.map(([name, value]) => (
              <div key={name} style={{ display: "contents" }}>
                <dt>{name}</dt>
                <dd>{attributeShown(value)}</dd>
              </div>
            ))}
          </dl>
        )}
      </section>
    </>
  );
}

/** Who one is talking with: the folding panel beside the thread. */
export function CustomerPanel({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const now = useNow();
  const panel = usePanel();
  const mayTasks = usePermission("tasks.read");
  const { id } = conversation.customer;
  const label = customerName(conversation.customer);
  const query = useQuery({ queryKey: keys.customer(id), queryFn: ({ signal }) => api.customer(id, signal) });
  const heard = useCustomerOnline(id);
  const customer = query.data;
  const online = heard ?? customer?.online ?? false;
  return (
    <aside className="panel" data-testid="customer-panel" aria-label={t("panel.title")}>
      <div className="panel-head">
        <h2>{t("panel.title")}</h2>
        <IconButton label={t("actions.hidePanel")} icon={<CloseIcon />} data-testid="hide-panel" onClick={() => panel.setOpen(false)} />
      </div>
      <section className="panel-who">
        <CustomerAvatar customer={customer ?? conversation.customer} size={40} online={online} />
        <div>
          <NameEditor key={id} customer={customer} fallback={label} />
          <p className="panel-muted" data-testid="customer-online" data-online={online}>
            {online ? t("panel.online") : customer?.last_seen_at ? t("panel.lastSeen", { time: ago(customer.last_seen_at, now) }) : t("panel.neverSeen")}
          </p>
        </div>
      </section>
      {mayTasks && (
        <section>
          <h3>{t("tasks.here")}</h3>
          <CustomerTasks customer={customer ?? conversation.customer} conversationId={conversation.id} />
        </section>
      )}
      {query.isPending && <Skeleton lines={6} />}
      {query.isLoadingError && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {customer && (
        <section className="standing">
          <CustomerStage customer={customer} />
          <CustomerTags customer={customer} />
        </section>
      )}
      {customer && <Facts conversation={conversation} customer={customer} />}
      <section>
        <h3>{t("panel.identities")}</h3>
        <IdentityList customerId={id} />
      </section>
      <section>
        <h3>{t("panel.past")}</h3>
        <Past conversation={conversation} />
      </section>
      <section>
        <h3>{t("customers.timeline")}</h3>
        <Timeline customer={customer ?? conversation.customer} page={12} current={conversation.id} />
      </section>
      <section>
        <Link to="/customers/$customerId" params={{ customerId: id }}>
          {t("panel.profile")}
        </Link>
      </section>
    </aside>
  );
}
