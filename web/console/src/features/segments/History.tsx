import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Segment } from "@/api/segments";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { clock, dayKey, dayName, full } from "@/i18n/format";
import { EmptyState, ErrorState, FollowIcon, HistoryIcon, More, Skeleton, Tag, UnfollowIcon, useNow } from "@/ui";
import { useMembershipChanges } from "./queries";
import { reasonText } from "./words";

/** Who came and went, newest first, and why. */
export function History({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = useMembershipChanges(segment.id);
  if (query.isPending) return <Skeleton lines={6} />;
  const changes = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.isError && changes.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (changes.length === 0) {
    return (
      <EmptyState icon={<HistoryIcon />} title={t("segments.noHistoryTitle")}>
        {t("segments.noHistoryBody")}
      </EmptyState>
    );
  }
  return (
    <div className="membership-changes" data-testid="membership-changes">
      <ul>
        {changes.map((change, i) => {
          const day = dayKey(change.at);
          const before = changes[i - 1];
          return (
            <li key={change.id ?? `${change.customer.id}-${change.at}`} data-entered={change.entered} data-customer-id={change.customer.id}>
              {(!before || dayKey(before.at) !== day) && <h4>{dayName(change.at, now)}</h4>}
              <div className="membership-change">
                <span className="membership-mark">{change.entered ? <FollowIcon /> : <UnfollowIcon />}</span>
                <CustomerAvatar customer={change.customer} size={24} />
                <span className="grow">
                  <Link to="/customers/$customerId" params={{ customerId: change.customer.id }}>
                    {customerName(change.customer)}
                  </Link>{" "}
                  {t(change.entered ? "segments.entered" : "segments.left")}
                </span>
                <Tag>{reasonText(change.reason)}</Tag>
                <time dateTime={change.at} title={full(change.at)}>
                  {clock(change.at)}
                </time>
              </div>
            </li>
          );
        })}
      </ul>
      <More of={query} />
    </div>
  );
}
