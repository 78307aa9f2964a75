import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { behaviourApi } from "@/api/behaviour";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { CustomerEvent } from "@/api/types";
import { CustomerPicker } from "@/features/customers/CustomerPicker";
import { eventName } from "@/features/customers/events";
import { customerName } from "@/features/customers/name";
import { useEventNames } from "@/features/segments/rules/names";
import { ago, full } from "@/i18n/format";
import { Button, EmptyState, ErrorState, EventsIcon, More, SearchIcon, Select, Skeleton, useNow } from "@/ui";
import { propertySummary } from "./summary";
import { useLiveList } from "./useLiveList";

function Who({ id }: { id: string }) {
  const query = useQuery({ queryKey: keys.customer(id), queryFn: ({ signal }) => api.customer(id, signal), staleTime: 60_000 });
  return (
    <Link to="/customers/$customerId" params={{ customerId: id }}>
      {query.data ? customerName(query.data) : "…"}
    </Link>
  );
}

function Row({ event, now }: { event: CustomerEvent; now: number }) {
  const { t } = useTranslation();
  const summary = propertySummary(event.properties);
  const late = Date.parse(event.received_at) - Date.parse(event.at) > 60_000;
  return (
    <li className="event-row" data-testid="event-row" data-event={event.name}>
      <time dateTime={event.at} title={late ? t("events.late", { at: full(event.at), received: full(event.received_at) }) : full(event.at)}>
        {ago(event.at, now)}
      </time>
      <span className="event-who">
        <Who id={event.customer_id} />
      </span>
      {summary ? (
        <details className="event-what">
          <summary>
            <b>{eventName(event.name)}</b> <span>{summary}</span>
          </summary>
          <pre tabIndex={0}>{JSON.stringify(event.properties, null, 2)}</pre>
        </details>
      ) : (
        <b className="event-what">{eventName(event.name)}</b>
      )}
    </li>
  );
}

/** Every event, newest first, moving by itself until it is paused. */
export function EventList({ name, customerId }: { name: string | undefined; customerId: string | undefined }) {
  const { t } = useTranslation();
  const now = useNow();
  const navigate = useNavigate();
  const names = useEventNames();
  const filter = { ...(name ? { name } : {}), ...(customerId ? { customer_id: customerId } : {}) };
  const chosen = useQuery({ queryKey: keys.customer(customerId ?? ""), queryFn: ({ signal }) => api.customer(customerId!, signal), enabled: customerId !== undefined });
  const { query, rows, button } = useLiveList(customerId ? { of: "customer", customer_id: customerId } : { of: "events" }, keys.events(customerId ?? null, filter), (page, signal) =>
    behaviourApi.events({ ...filter, ...page }, signal),
  );
  const go = (search: { name?: string; customer?: string }) => void navigate({ to: "/events", search, replace: true });
  const filtered = name !== undefined || customerId !== undefined;
  const options = names.map((n) => ({ value: n.name, label: eventName(n.name) }));
  return (
    <div className="stack">
      <div className="event-filters">
        <Select allowClear showSearch optionFilterProp="label" className="event-filter" aria-label={t("events.name")} placeholder={t("events.anyName")} data-testid="event-name-filter" value={name ?? null} onChange={(next: string | null | undefined) => go({ ...(next ? { name: next } : {}), ...(customerId ? { customer: customerId } : {}) })} options={name && !options.some((o) => o.value === name) ? [{ value: name, label: eventName(name) }, ...options] : options} />
        <div className="event-filter">
          <CustomerPicker value={customerId ? (chosen.data ?? null) : null} onChange={(next) => go({ ...(name ? { name } : {}), ...(next ? { customer: next.id } : {}) })} placeholder={t("events.anybody")} />
        </div>
        {button}
      </div>
      {query.isPending ? (
        <Skeleton lines={8} />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState icon={filtered ? <SearchIcon /> : <EventsIcon />} title={t(filtered ? "events.noMatchTitle" : "events.emptyTitle")} actions={filtered ? <Button onClick={() => go({})}>{t("events.clear")}</Button> : null}>
          {t(filtered ? "events.noMatchBody" : "events.emptyBody")}
        </EmptyState>
      ) : (
        <ul className="event-list" data-testid="event-list">
          {rows.map((event) => (
            <Row key={event.id} event={event} now={now} />
          ))}
        </ul>
      )}
      <More of={query} />
    </div>
  );
}
