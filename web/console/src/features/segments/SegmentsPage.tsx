import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Segment } from "@/api/segments";
import { usePermission } from "@/features/session/me";
import { number } from "@/i18n/format";
import { Button, Dropdown, EmptyState, ErrorState, IconButton, Input, MoreIcon, Page, PlusIcon, SearchIcon, SegmentsIcon, Skeleton, Tooltip } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { useDeleteSegment, useLeaving } from "./deletion";
import { useSegmentList } from "./queries";
import { RuleSentence } from "./rules";
import { SegmentState } from "./SegmentState";
import { usersText } from "./words";
import "@/features/teammates/teammates.css";
import "./segments.css";

function Menu({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const remove = useDeleteSegment();
  const used = segment.used_by.length > 0;
  return (
    // A click in the menu is not one on the row.
    <span onClick={(event) => event.stopPropagation()}>
      <Dropdown
        trigger={["click"]}
        menu={{
          items: [
            { key: "copy", label: t("segments.duplicate") },
            { key: "delete", label: used ? <Tooltip title={t("segments.inUse", { users: usersText(segment.used_by) })}>{t("segments.delete")}</Tooltip> : t("segments.delete"), danger: !used, disabled: used },
          ],
          onClick: ({ key }) => (key === "copy" ? void navigate({ to: "/segments/new", search: { copy: segment.id } }) : remove(segment)),
        }}
      >
        <IconButton label={`${t("common.actions")}: ${segment.name}`} icon={<MoreIcon />} placement="left" data-testid="segment-menu" />
      </Dropdown>
    </span>
  );
}

function useColumns(manage: boolean): Columns<Segment> {
  const { t } = useTranslation();
  return [
    {
      key: "name",
      title: t("segments.name"),
      sorter: (a, b) => a.name.localeCompare(b.name),
      render: (_, s) => (
        <div className="segment-name" data-testid="segment-row" data-segment-id={s.id}>
          <Link to="/segments/$segmentId" params={{ segmentId: s.id }} onClick={(event) => event.stopPropagation()}>
            {s.name}
          </Link>
          <small>{s.description || <RuleSentence rule={s.rule} />}</small>
        </div>
      ),
    },
    { key: "size", title: t("segments.size"), align: "right", sorter: (a, b) => a.size - b.size, render: (_, s) => <span className="num" data-testid="segment-size">{number(s.size)}</span> },
    { key: "state", title: t("segments.state"), responsive: ["md"], render: (_, s) => <SegmentState segment={s} /> },
    {
      key: "used",
      title: t("segments.usedBy"),
      responsive: ["md"],
      render: (_, s) =>
        s.used_by.length === 0 ? (
          <span className="muted">{t("common.notAvailable")}</span>
        ) : (
          <Tooltip title={usersText(s.used_by)}>
            <span tabIndex={0}>{s.used_by.length === 1 ? usersText(s.used_by) : t("segments.users", { count: s.used_by.length })}</span>
          </Tooltip>
        ),
    },
    ...(manage ? [{ key: "acts", title: <span className="visually-hidden">{t("common.actions")}</span>, align: "right" as const, render: (_: unknown, s: Segment) => <Menu segment={s} /> }] : []),
  ];
}

/** Every segment: how many are in it, how fresh that is, and who needs it. */
export function SegmentsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const manage = usePermission("segments.manage");
  const [typed, setTyped] = useState("");
  const columns = useColumns(manage);
  const query = useSegmentList();
  const leaving = useLeaving();
  const all = useMemo(() => (query.data?.items ?? []).filter((s) => !leaving.has(s.id)), [leaving, query.data]);
  const wanted = typed.trim().toLowerCase();
  const rows = wanted ? all.filter((s) => `${s.name} ${s.description}`.toLowerCase().includes(wanted)) : all;
  const create = manage && (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-segment" onClick={() => void navigate({ to: "/segments/new" })}>
      {t("segments.create")}
    </Button>
  );
  return (
    <Page title={t("segments.title")} lead={t("segments.lead")} actions={all.length > 0 && create}>
      {query.isPending ? (
        <Skeleton lines={6} />
      ) : query.isError && all.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : all.length === 0 ? (
        <EmptyState icon={<SegmentsIcon />} title={t("segments.emptyTitle")} actions={create}>
          {t("segments.emptyBody")}
        </EmptyState>
      ) : (
        <div className="stack">
          {all.length > 8 && <Input className="filter-input" allowClear prefix={<SearchIcon />} value={typed} onChange={(e) => setTyped(e.target.value)} placeholder={t("segments.search")} aria-label={t("segments.search")} />}
          <DataTable rows={rows} columns={columns} label={t("segments.title")} empty={t("segments.noMatch", { query: typed })} onOpen={(s) => void navigate({ to: "/segments/$segmentId", params: { segmentId: s.id } })} />
        </div>
      )}
    </Page>
  );
}
