import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member, Segment } from "@/api/segments";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import type { PickedCustomer } from "@/features/customers/CustomerPicker";
import { ago, full } from "@/i18n/format";
import { Button, CustomersIcon, Drawer, EmptyState, ErrorState, Input, More, SearchIcon, Skeleton, useNow } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { useMembers } from "./queries";
import { WhyAnswer, WhyCard } from "./WhyCard";

type Row = Member & { id: string };

const SEARCH_AFTER = 250;

function useColumns(onWhy: (customer: PickedCustomer) => void): Columns<Row> {
  const { t } = useTranslation();
  const now = useNow();
  return [
    {
      key: "name",
      title: t("customers.name"),
      render: (_, m) => (
        <span className="person" data-testid="member-row" data-customer-id={m.customer.id}>
          <CustomerAvatar customer={m.customer} size={28} online={m.customer.online} />
          <Link to="/customers/$customerId" params={{ customerId: m.customer.id }} onClick={(event) => event.stopPropagation()}>
            {customerName(m.customer)}
          </Link>
        </span>
      ),
    },
    { key: "since", title: t("segments.since"), render: (_, m) => <time title={full(m.since)}>{ago(m.since, now)}</time> },
    { key: "until", title: t("segments.validUntil"), responsive: ["md"], render: (_, m) => (m.valid_until ? <time title={t("segments.validHelp")}>{full(m.valid_until)}</time> : <span className="muted">{t("segments.openEnd")}</span>) },
    {
      key: "why",
      title: <span className="visually-hidden">{t("common.actions")}</span>,
      align: "right",
      render: (_, m) => (
        <Button
          size="small"
          type="link"
          data-testid="member-why"
          onClick={(event) => {
            event.stopPropagation();
            onWhy(m.customer);
          }}
        >
          {t("why.ask")}
        </Button>
      ),
    },
  ];
}

/** Who is in a segment now, since when and until when at the latest; and why somebody is or is not. */
export function People({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [q, setQ] = useState("");
  const [asked, setAsked] = useState<PickedCustomer | null>(null);
  const [asking, setAsking] = useState(false);
  const columns = useColumns(setAsked);
  const query = useMembers(segment.id, q);
  useEffect(() => {
    const id = setTimeout(() => setQ(typed.trim()), SEARCH_AFTER);
    return () => clearTimeout(id);
  }, [typed]);
  const rows: Row[] = query.data?.pages.flatMap((page) => page.items.map((m) => ({ ...m, id: m.customer.id }))) ?? [];
  return (
    <div className="stack">
      <div className="segment-bar">
        <Input className="filter-input" allowClear data-testid="member-search" prefix={<SearchIcon />} value={typed} onChange={(e) => setTyped(e.target.value)} placeholder={t("customers.search")} aria-label={t("customers.search")} />
        <Button data-testid="ask-why" onClick={() => setAsking(true)}>
          {t("why.title")}
        </Button>
      </div>
      {query.isPending ? (
        <Skeleton lines={6} />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState icon={<CustomersIcon />} title={q ? t("customers.noMatchTitle") : t("segments.nobodyTitle")}>
          {q ? t("customers.noMatchBody", { query: q }) : t("segments.nobodyBody")}
        </EmptyState>
      ) : (
        <DataTable rows={rows} columns={columns} label={t("segments.tab.peoplePlain")} onOpen={(m) => void navigate({ to: "/customers/$customerId", params: { customerId: m.id } })} />
      )}
      <More of={query} />
      <Drawer open={asked !== null || asking} title={asked ? t("why.of", { name: customerName(asked) }) : t("why.title")} size={460} onClose={() => (setAsked(null), setAsking(false))} destroyOnHidden>
        {asked ? <WhyAnswer rule={segment.rule} customer={asked} /> : asking && <WhyCard rule={segment.rule} />}
      </Drawer>
    </div>
  );
}
