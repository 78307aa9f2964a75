import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { ApiError } from "@/api/http";
import { keys } from "@/api/keys";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { usePastConversations } from "@/features/inbox/queries";
import { usePermission } from "@/features/session/me";
import { CustomerTasks } from "@/features/tasks/CustomerTasks";
import { ago, age, date, full } from "@/i18n/format";
import { useCustomerOnline } from "@/realtime/hints";
import { Button, EmptyState, ErrorState, MergeIcon, NotFoundIcon, Page, Section, Skeleton, Tag, useNow } from "@/ui";
import { CustomerForm } from "./CustomerForm";
import { Consents } from "./Consents";
import { Contradictions } from "./Contradictions";
import { IdentityList } from "./IdentityList";
import { MergeDialog } from "./MergeDialog";
import { MergeLog } from "./MergeLog";
import { CustomerAvatar } from "./CustomerAvatar";
import { customerName } from "./name";
import { CustomerSegments, CustomerStage, CustomerTags, StageHistory } from "./Standing";
import { Timeline } from "./Timeline";
import "@/features/teammates/teammates.css";
import "./customers.css";

function Conversations({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = usePastConversations(customerId);
  if (query.isPending) return <Skeleton lines={3} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const { items } = query.data;
  if (items.length === 0) return <p className="muted">{t("customers.noConversations")}</p>;
  return (
    <ul className="conversation-links">
      {items.map((c) => (
        <li key={c.id}>
          <Link to="/inbox/$conversationId" params={{ conversationId: c.id }} search={{ view: "all", status: "all" }}>
            <ChannelIcon channel={c.channel} />
            <span>
              #{c.number} {c.subject ?? c.last_message?.preview}
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
  const mayTasks = usePermission("tasks.read");
  const mayInbox = usePermission("inbox.read");
  const maySegments = usePermission("segments.read");
  const heard = useCustomerOnline(id);
  const navigate = useNavigate();
  const [merging, setMerging] = useState<{ other?: string } | null>(null);
  const query = useQuery({ queryKey: keys.customer(id), queryFn: ({ signal }) => api.customer(id, signal) });
  const survivor = query.data?.id;
  useEffect(() => {
    // A record that became part of another one leads to that one.
    if (survivor && survivor !== id) void navigate({ to: "/customers/$customerId", params: { customerId: survivor }, replace: true });
  }, [id, navigate, survivor]);
  if (query.isPending) return <Skeleton lines={8} />;
  if (query.isError && query.error instanceof ApiError && query.error.status === 404) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/customers">{t("customers.all")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
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
      actions={
        mayWrite && (
          <Button icon={<MergeIcon />} data-testid="merge-open" onClick={() => setMerging({})}>
            {t("merge.action")}
          </Button>
        )
      }
    >
      <Contradictions customerId={id} onCompare={mayWrite ? (other) => setMerging({ other }) : null} />
      {merging && <MergeDialog customer={customer} other={merging.other} onClose={() => setMerging(null)} onMerged={(to) => void navigate({ to: "/customers/$customerId", params: { customerId: to } })} />}
      <div className="profile-grid">
        <div style={{ minWidth: 0 }}>
          <CustomerForm key={customer.id} customer={customer} readOnly={!mayWrite} />
          <div style={{ borderTop: "1px solid var(--line)", paddingTop: 16 }}>
            <Section title={t("customers.timeline")}>
              <Timeline customer={customer} page={30} />
            </Section>
          </div>
        </div>
        <div style={{ minWidth: 0 }}>
          {mayTasks && (
            <Section title={t("tasks.here")}>
              <CustomerTasks customer={customer} />
            </Section>
          )}
          <Section title={t("customers.standing")}>
            <div className="standing">
              <CustomerStage customer={customer} />
              <CustomerTags customer={customer} />
            </div>
          </Section>
          {maySegments && (
            <Section title={t("nav.segments")}>
              <CustomerSegments customerId={id} />
            </Section>
          )}
          <Section title={t("customers.identities")}>
            <IdentityList customerId={id} dated />
          </Section>
          <Section title={t("customers.conversations")}>{mayInbox ? <Conversations customerId={id} /> : <p className="muted">{t("customers.noAccessConversations")}</p>}</Section>
          <Section title={t("consents.title")}>
            <Consents customer={customer} />
          </Section>
          <Section title={t("stages.history")}>
            <StageHistory customerId={id} />
          </Section>
          <Section title={t("merge.log")}>
            <MergeLog customerId={id} />
          </Section>
        </div>
      </div>
    </Page>
  );
}
