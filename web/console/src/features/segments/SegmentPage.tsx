import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/http";
import { segmentsApi, type Segment } from "@/api/segments";
import { usePermission } from "@/features/session/me";
import { number } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Alert, Button, Dropdown, EmptyState, ErrorState, MoreIcon, NotFoundIcon, Page, Skeleton, Tabs, toast, toastError } from "@/ui";
import { useDeleteSegment, useLeaving } from "./deletion";
import { History } from "./History";
import { People } from "./People";
import { usePutSegment, useSegment } from "./queries";
import { SegmentForm } from "./SegmentForm";
import { SegmentState } from "./SegmentState";
import { usersText } from "./words";
import "./segments.css";

export type SegmentTab = "rule" | "people" | "history";

function Actions({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const put = usePutSegment();
  const remove = useDeleteSegment();
  const used = segment.used_by.length > 0;
  const rebuild = useMutation({
    mutationFn: () => segmentsApi.rebuild(segment.id),
    onSuccess: (building) => {
      put(building);
      toast(t("segments.rebuilding"));
    },
    onError: (error) => toastError(describe(error)),
  });
  return (
    <div className="segment-acts">
      <Button data-testid="segment-duplicate" onClick={() => void navigate({ to: "/segments/new", search: { copy: segment.id } })}>
        {t("segments.duplicate")}
      </Button>
      <Dropdown
        trigger={["click"]}
        menu={{
          items: [
            { key: "rebuild", label: t("segments.rebuild"), disabled: segment.state === "building" || rebuild.isPending },
            { key: "delete", label: <span data-testid="segment-delete">{t("segments.delete")}</span>, danger: !used, disabled: used, ...(used ? { title: t("segments.inUse", { users: usersText(segment.used_by) }) } : {}) },
          ],
          onClick: ({ key }) => {
            if (key === "rebuild") return rebuild.mutate();
            remove(segment);
            void navigate({ to: "/segments", ignoreBlocker: true });
          },
        }}
      >
        <Button icon={<MoreIcon />} aria-label={t("common.actions")} data-testid="segment-more" />
      </Dropdown>
    </div>
  );
}

/** One segment: its conditions, who is in it, who came and went. */
export function SegmentPage({ id, tab }: { id: string; tab: SegmentTab }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const manage = usePermission("segments.manage");
  const query = useSegment(id);
  const gone = useLeaving().has(id);
  if (query.isPending) return <Skeleton lines={8} />;
  if (gone || (query.isError && query.error instanceof ApiError && query.error.status === 404)) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/segments">{t("segments.all")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  if (query.isError && !query.data) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const segment = query.data;
  const tabs: { key: SegmentTab; label: string }[] = [
    { key: "rule", label: t("segments.tab.rule") },
    { key: "people", label: t("segments.tab.people", { number: number(segment.size) }) },
    { key: "history", label: t("segments.tab.history") },
  ];
  return (
    <Page
      title={segment.name}
      lead={
        <span className="segment-lead">
          <Link to="/segments">{t("segments.all")}</Link>
          <span data-testid="segment-size">{t("segments.people", { count: segment.size, number: number(segment.size) })}</span>
          <SegmentState segment={segment} />
          {segment.used_by.length > 0 && <span>{t("segments.usedByList", { users: usersText(segment.used_by) })}</span>}
        </span>
      }
      actions={manage && <Actions segment={segment} />}
    >
      {segment.state === "failed" && <Alert tone="danger">{t("segments.failedHelp")}</Alert>}
      <Tabs activeKey={tab} onChange={(key) => void navigate({ to: "/segments/$segmentId", params: { segmentId: id }, search: key === "rule" ? {} : { tab: key as SegmentTab } })} items={tabs} />
      {tab === "rule" && <SegmentForm key={segment.id} segment={segment} />}
      {tab === "people" && <People segment={segment} />}
      {tab === "history" && <History segment={segment} />}
    </Page>
  );
}
