import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import { NO_STAGE } from "@/api/behaviour";
import type { Customer } from "@/api/types";
import { stageName, useSegments, useStages, useTags } from "@/features/segments/rules/names";
import { usePermission } from "@/features/session/me";
import type { CustomersSearch } from "@/routes/router";
import { ago, date, full, languageName } from "@/i18n/format";
import { useStore } from "@/realtime/store";
import { hints } from "@/realtime/hints";
import { Button, CustomersIcon, EmptyState, ErrorState, Input, More, Page, SearchIcon, Select, Skeleton, Tag, useNow } from "@/ui";
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
    { key: "stage", responsive: ["md"], title: t("customers.stage"), render: (_, c) => (c.stage ? stageName(c.stage) : <span className="muted">{t("common.notAvailable")}</span>) },
    {
      key: "tags",
      responsive: ["lg"],
      title: t("customers.tags"),
      render: (_, c) => (
        <span className="customer-tags">
          {(c.tags ?? []).slice(0, 3).map((name) => (
            <Tag key={name}>{name}</Tag>
          ))}
          {(c.tags ?? []).length > 3 && <Tag>+{(c.tags ?? []).length - 3}</Tag>}
        </span>
      ),
    },
    { key: "locale", responsive: ["lg"], title: t("customers.locale"), render: (_, c) => c.locale ? languageName(c.locale) : <span className="muted">{t("common.notAvailable")}</span> },
    { key: "seen", title: t("customers.lastSeen"), render: (_, c) => (c.last_seen_at ? <time title={full(c.last_seen_at)}>{ago(c.last_seen_at, now)}</time> : t("common.notAvailable")) },
    { key: "created", responsive: ["md"], title: t("customers.created"), render: (_, c) => <time title={full(c.created_at)}>{date(c.created_at)}</time> },
  ];
}

type Filters = Omit<CustomersSearch, "q">;

/** Narrows the list by stage, tag and segment. */
function FilterBar({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const { t } = useTranslation();
  const stages = useStages();
  const tags = useTags();
  const maySegments = usePermission("segments.read");
  const set = (name: keyof Filters, value: string | null | undefined) => {
    const next = { ...filters };
    if (value) next[name] = value;
    else delete next[name];
    onChange(next);
  };
  return (
    <>
      <Select className="customer-filter" allowClear aria-label={t("customers.stage")} placeholder={t("customers.stageAny")} data-testid="filter-stage" value={filters.stage ?? null} onChange={(value) => set("stage", value)} options={[...stages.map((s) => ({ value: s.key, label: stageName(s) })), { value: NO_STAGE, label: t("stages.none") }]} />
      <Select className="customer-filter" allowClear showSearch optionFilterProp="label" aria-label={t("customers.tags")} placeholder={t("customers.tagAny")} data-testid="filter-tag" value={filters.tag ?? null} onChange={(value) => set("tag", value)} options={tags.map((tag) => ({ value: tag.name, label: tag.name }))} />
      {maySegments && <SegmentFilter value={filters.segment} onChange={(value) => set("segment", value)} />}
    </>
  );
}

function SegmentFilter({ value, onChange }: { value: string | undefined; onChange: (value: string | null | undefined) => void }) {
  const { t } = useTranslation();
  const segments = useSegments();
  return <Select className="customer-filter" allowClear showSearch optionFilterProp="label" aria-label={t("nav.segments")} placeholder={t("customers.segmentAny")} data-testid="filter-segment" value={value ?? null} onChange={onChange} options={segments.map((s) => ({ value: s.id, label: s.name }))} />;
}

/** Everybody who ever wrote, found by name, email, phone or ID, narrowed by where they stand. */
export function CustomersPage({ search }: { search: CustomersSearch }) {
  const { q = "", ...filters } = search;
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState(q);
  const columns = useColumns();
  const query = useInfiniteQuery({
    queryKey: keys.customersBy(search),
    queryFn: ({ pageParam, signal }) => api.customers({ q, ...filters, cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: (previous) => previous,
  });
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === q) return;
    const id = setTimeout(() => void navigate({ to: "/customers", search: ({ q: _, ...rest }) => ({ ...rest, ...(wanted ? { q: wanted } : {}) }), replace: true }), SEARCH_AFTER);
    return () => clearTimeout(id);
  }, [navigate, q, typed]);
  const filtered = Object.keys(filters).length > 0;
  const filter = (next: Filters) => void navigate({ to: "/customers", search: { ...(q ? { q } : {}), ...next }, replace: true });
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const clear = <Button onClick={() => setTyped("")}>{t("customers.clear")}</Button>;

  return (
    <Page title={t("customers.title")}>
      <div className="stack">
        <div className="customer-filters">
          <Input className="filter-input" allowClear data-testid="customer-search" prefix={<SearchIcon />} value={typed} onChange={(e) => setTyped(e.target.value)} placeholder={t("customers.search")} aria-label={t("customers.search")} />
          <FilterBar filters={filters} onChange={filter} />
        </div>
        {query.isPending ? (
          <Skeleton lines={8} />
        ) : query.isError && rows.length === 0 ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : rows.length === 0 && q ? (
          <EmptyState icon={<SearchIcon />} title={t("customers.noMatchTitle")} actions={clear}>
            {t("customers.noMatchBody", { query: q })}
          </EmptyState>
        ) : rows.length === 0 && filtered ? (
          <EmptyState icon={<SearchIcon />} title={t("customers.noMatchTitle")} actions={<Button onClick={() => filter({})}>{t("customers.clearFilters")}</Button>}>
            {t("customers.filtered")}
          </EmptyState>
        ) : rows.length === 0 ? (
          <EmptyState icon={<CustomersIcon />} title={t("customers.emptyTitle")}>
            {t("customers.emptyBody")}
          </EmptyState>
        ) : (
          <DataTable rows={rows} columns={columns} label={t("customers.title")} onOpen={(c) => void navigate({ to: "/customers/$customerId", params: { customerId: c.id } })} />
        )}
        <More of={query} />
      </div>
    </Page>
  );
}
