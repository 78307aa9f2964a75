import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Customer } from "@/api/types";
import { ago, date, full, languageName } from "@/i18n/format";
import { useStore } from "@/realtime/store";
import { hints } from "@/realtime/hints";
import { Button, CustomersIcon, EmptyState, ErrorState, Input, Page, SearchIcon, Skeleton, Tag, useNow } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { CustomerAvatar } from "./CustomerAvatar";
import { customerName } from "./name";
import "@/features/teammates/teammates.css";
import "./customers.css";

const PAGE = 50;
/** Typing must pause this long before the search runs. */
const SEARCH_AFTER = 250;

function useColumns(): Columns<Customer> {
  const { t } = useTranslation();
  const now = useNow();
  const heard = useStore(hints, (h) => h.customers);
  return [
    {
      key: "name",
      title: t("customers.name"),
      render: (_, c) => (
        <span className="person">
          <CustomerAvatar customer={c} size={28} online={heard[c.id] ?? c.online} />
          <Link to="/customers/$customerId" params={{ customerId: c.id }} onClick={(event) => event.stopPropagation()}>
            {customerName(c)}
          </Link>
          {(heard[c.id] ?? c.online) && <Tag tone="ok">{t("availability.online")}</Tag>}
        </span>
      ),
    },
    { key: "locale", responsive: ["md"], title: t("customers.locale"), render: (_, c) => c.locale ? languageName(c.locale) : <span className="muted">{t("common.notAvailable")}</span> },
    { key: "seen", title: t("customers.lastSeen"), render: (_, c) => (c.last_seen_at ? <time title={full(c.last_seen_at)}>{ago(c.last_seen_at, now)}</time> : t("common.notAvailable")) },
    { key: "created", responsive: ["md"], title: t("customers.created"), render: (_, c) => <time title={full(c.created_at)}>{date(c.created_at)}</time> },
  ];
}

/** Everybody who ever wrote, found by name, email, phone or ID. */
export function CustomersPage({ q }: { q: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState(q);
  const columns = useColumns();
  const query = useInfiniteQuery({
    queryKey: keys.customerList(q),
    queryFn: ({ pageParam, signal }) => api.customers({ q, cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: (previous) => previous,
  });
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === q) return;
    const id = setTimeout(() => void navigate({ to: "/customers", search: wanted ? { q: wanted } : {}, replace: true }), SEARCH_AFTER);
    return () => clearTimeout(id);
  }, [navigate, q, typed]);
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const clear = <Button onClick={() => setTyped("")}>{t("customers.clear")}</Button>;

  return (
    <Page title={t("customers.title")}>
      <div className="stack">
        <Input className="filter-input" allowClear data-testid="customer-search" prefix={<SearchIcon />} value={typed} onChange={(e) => setTyped(e.target.value)} placeholder={t("customers.search")} aria-label={t("customers.search")} />
        {query.isPending ? (
          <Skeleton lines={8} />
        ) : query.isError && rows.length === 0 ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : rows.length === 0 && q ? (
          <EmptyState icon={<SearchIcon />} title={t("customers.noMatchTitle")} actions={clear}>
            {t("customers.noMatchBody", { query: q })}
          </EmptyState>
        ) : rows.length === 0 ? (
          <EmptyState icon={<CustomersIcon />} title={t("customers.emptyTitle")}>
            {t("customers.emptyBody")}
          </EmptyState>
        ) : (
          <DataTable rows={rows} columns={columns} label={t("customers.title")} onOpen={(c) => void navigate({ to: "/customers/$customerId", params: { customerId: c.id } })} />
        )}
        {query.hasNextPage && (
          <div className="more">
            <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t("common.loadMore")}
            </Button>
          </div>
        )}
      </div>
    </Page>
  );
}
