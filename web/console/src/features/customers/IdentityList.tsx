import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Identity } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { useAccounts } from "@/features/inbox/queries";
import { date } from "@/i18n/format";
import { CopyButton, ErrorState, IdentifiedIcon, Skeleton, VerifiedIcon } from "@/ui";
import { channelOfIdentity, identityKind, shortValue } from "./identity";
import "./customers.css";

function Row({ identity, dated }: { identity: Identity; dated: boolean }) {
  const { t } = useTranslation();
  const account = useAccounts().find((a) => a.id === identity.namespace)?.name;
  const channel = channelOfIdentity(identity.kind);
  const shown = shortValue(identity);
  return (
    <li data-testid="identity" data-kind={identity.kind} data-verified={identity.verified}>
      <span className="identity-icon">{channel ? <ChannelIcon channel={channel} silent /> : <IdentifiedIcon />}</span>
      <span className="identity-value">
        <span className={shown === identity.value ? undefined : "mono"} title={identity.value}>
          {shown}
        </span>{" "}
        {identity.verified && (
          <span role="img" aria-label={t("panel.verified")} title={t("panel.verifiedHelp")} style={{ color: "var(--accent)" }}>
            <VerifiedIcon />
          </span>
        )}
        <small>
          {identityKind(identity.kind)}
          {account ? ` · ${account}` : ""}
          {dated ? ` · ${t("panel.since", { time: date(identity.created_at) })}` : ""}
        </small>
      </span>
      <CopyButton text={identity.value} label={identityKind(identity.kind)} />
    </li>
  );
}

/** How a customer is known on every channel, with a mark on what is verified. */
export function IdentityList({ customerId, dated = false }: { customerId: string; dated?: boolean }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: keys.identities(customerId), queryFn: ({ signal }) => api.identities(customerId, signal) });
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const items = query.data.items;
  if (items.length === 0) return <p className="panel-muted">{t("customers.noIdentities")}</p>;
  return (
    <ul className="identities">
      {items.map((identity) => (
        <Row key={identity.id} identity={identity} dated={dated} />
      ))}
    </ul>
  );
}
