import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName, channels } from "@/features/channels/channels";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { number } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Button, Skeleton } from "@/ui";
import type { LivePreview } from "./queries";
import { percent } from "./words";

/** How many the rule takes now, who they are for example, and on which channels they can be written to. */
export function PreviewCard({ preview }: { preview: LivePreview }) {
  const { t } = useTranslation();
  const { query, asked, stale } = preview;
  const data = query.data;
  return (
    <section className="segment-card" aria-label={t("segments.preview")} aria-busy={stale} data-testid="segment-preview" data-stale={stale}>
      <h3>{t("segments.preview")}</h3>
      {query.isError && !query.isFetching ? (
        <p className="preview-refused" role="status">
          {describe(query.error)}{" "}
          <Button type="link" size="small" onClick={() => void query.refetch()}>
            {t("common.retry")}
          </Button>
        </p>
      ) : !data ? (
        <Skeleton lines={3} />
      ) : (
        <div className="preview-body" data-stale={stale}>
          <p className="preview-count">
            <strong className="num" data-testid="preview-count">
              {number(data.count)}
            </strong>
            <span>{t("segments.ofAll", { count: data.total, share: percent(data.count, data.total), total: number(data.total) })}</span>
          </p>
          <div className="preview-bar" aria-hidden="true">
            <span style={{ width: `${data.total > 0 ? (data.count / data.total) * 100 : 0}%` }} />
          </div>
          <h4>{t("segments.reach")}</h4>
          <ul className="preview-reach">
            {channels.map((channel) => {
              const reached = data.reach[channel];
              return (
                <li key={channel} title={t("segments.reachHelp")}>
                  <ChannelIcon channel={channel} silent /> <span>{channelName(channel)}</span>
                  <span className="num">{reached === undefined ? t("common.notAvailable") : number(reached)}</span>
                  <small className="num">{data.count > 0 && reached !== undefined ? percent(reached, data.count) : ""}</small>
                </li>
              );
            })}
          </ul>
          {data.sample.length > 0 && (
            <>
              <h4>{t("segments.sample")}</h4>
              <ul className="preview-people" data-testid="preview-people">
                {data.sample.slice(0, 8).map((customer) => (
                  <li key={customer.id}>
                    <Link to="/customers/$customerId" params={{ customerId: customer.id }} target="_blank">
                      <CustomerAvatar customer={customer} size={24} />
                      <span>{customerName(customer)}</span>
                    </Link>
                  </li>
                ))}
              </ul>
            </>
          )}
          <p className="preview-foot">{asked.unfinished.length > 0 ? t("rule.unfinished", { count: asked.unfinished.length }) : t("segments.took", { ms: number(Math.max(1, Math.round(data.took_ms))) })}</p>
        </div>
      )}
    </section>
  );
}
