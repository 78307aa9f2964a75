import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { ApiError } from "@/api/http";
import { keys } from "@/api/keys";
import { usePastConversations } from "@/features/inbox/queries";
import { usePermission } from "@/features/session/me";
import { ago, age, date, full } from "@/i18n/format";
import { useCustomerOnline } from "@/realtime/hints";
import { Button, EmptyState, ErrorState, NotFoundIcon, Page, Section, Skeleton, Tag, useNow } from "@/ui";
import { CustomerForm } from "./CustomerForm";
import { eventName } from "./events";
import { IdentityList } from "./IdentityList";
import { CustomerAvatar } from "./CustomerAvatar";
import { customerName } from "./name";
import "@/features/teammates/teammates.css";
import "./customers.css";

function Timeline({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = useInfiniteQuery({
    queryKey: keys.events(customerId),
    queryFn: ({ pageParam, signal }) => api.events(customerId, pageParam, 30, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
  if (query.isPending) return <Skeleton lines={5} />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const events = query.data.pages.flatMap((page) => page.items);
  if (events.length === 0) return <p className="muted">{t("customers.noEvents")}</p>;
  return (
    <>
      <ul className="event-list" data-testid="timeline">
        {events.map((event) => (
          <li key={event.id}>
            <details>
              <summary>
                <span>{eventName(event.name)}</span>
                <time dateTime={event.at} title={full(event.at)}>
                  {ago(event.at, now)}
                </time>
              </summary>
              <pre>{JSON.stringify(event.properties, null, 2)}</pre>
            </details>
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <div className="more">
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t("common.loadMore")}
          </Button>
        </div>
      )}
    </>
  );
}

function Conversations({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = usePastConversations(customerId);
  if (query.isPending) return <Skeleton lines={3} />;
  const items = query.data?.items ?? [];
  if (items.length === 0) return <p className="muted">{t("customers.noConversations")}</p>;
  return (
    <ul className="conversation-links">
      {items.map((c) => (
        <li key={c.id}>
          <Link to="/inbox/$conversationId" params={{ conversationId: c.id }} search={{ view: "all", status: "all" }}>
            <span>
              #{c.number} {c.last_message?.preview}
            </span>
            <Tag tone={c.status === "resolved" ? "ok" : c.status === "snoozed" ? "warn" : undefined}>{t(`inbox.${c.status}`)}</Tag>
            <time title={full(c.last_activity_at)}>{age(c.last_activity_at, now)}</time>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** One customer: record, identities, conversations, timeline. */
export function CustomerPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const mayWrite = usePermission("customers.write");
  const mayInbox = usePermission("inbox.read");
  const heard = useCustomerOnline(id);
  const query = useQuery({ queryKey: keys.customer(id), queryFn: ({ signal }) => api.customer(id, signal) });
  if (query.isPending) return <Skeleton lines={8} />;
  if (query.isError && query.error instanceof ApiError && query.error.status === 404) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/customers">{t("customers.all")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const customer = query.data;
  const online = heard ?? customer.online;
  const seen = online ? t("panel.online") : customer.last_seen_at ? t("panel.lastSeen", { time: ago(customer.last_seen_at, now) }) : t("panel.neverSeen");
  return (
    <Page
      title={
        <span className="profile-who">
          <CustomerAvatar customer={customer} size={40} online={online} />
          <span>{customerName(customer)}</span>
        </span>
      }
      lead={
        <>
          <Link to="/customers">{t("customers.all")}</Link> · {seen} · {t("panel.since", { time: date(customer.created_at) })}
        </>
      }
    >
      <div className="profile-grid">
        <div style={{ minWidth: 0 }}>
          <CustomerForm key={customer.id} customer={customer} readOnly={!mayWrite} />
          <div style={{ borderTop: "1px solid var(--line)", paddingTop: 16 }}>
            <Section title={t("customers.timeline")}>
              <Timeline customerId={id} />
            </Section>
          </div>
        </div>
        <div style={{ minWidth: 0 }}>
          <Section title={t("customers.identities")}>
            <IdentityList customerId={id} />
          </Section>
          <Section title={t("customers.conversations")}>{mayInbox ? <Conversations customerId={id} /> : <p className="muted">{t("customers.noAccessConversations")}</p>}</Section>
        </div>
      </div>
    </Page>
  );
}
