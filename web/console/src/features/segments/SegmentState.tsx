import { useTranslation } from "react-i18next";
import type { Segment } from "@/api/segments";
import { ago, full } from "@/i18n/format";
import { Progress, Tag, useNow } from "@/ui";

/** What is older than this is worth saying. */
const CURRENT_FOR = 60_000;

/** Whether a segment is exact now, being built, or cannot be evaluated. */
export function SegmentState({ segment }: { segment: Pick<Segment, "state" | "progress" | "fresh_at"> }) {
  const { t } = useTranslation();
  const now = useNow();
  if (segment.state === "failed") return <Tag tone="danger">{t("segments.failed")}</Tag>;
  if (segment.state === "building") {
    return (
      <span className="segment-building" data-testid="segment-building" title={t("segments.buildingHelp")}>
        <Progress percent={segment.progress} size="small" strokeColor="var(--accent)" aria-label={t("segments.building")} />
      </span>
    );
  }
  const old = now - Date.parse(segment.fresh_at) > CURRENT_FOR;
  return (
    <time className={old ? "segment-old" : "segment-fresh"} dateTime={segment.fresh_at} title={t("segments.freshHelp", { time: full(segment.fresh_at) })}>
      {old ? t("segments.asOf", { time: ago(segment.fresh_at, now) }) : t("segments.current")}
    </time>
  );
}
