import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Identity } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { useAccounts } from "@/features/inbox/queries";
import { usePermission } from "@/features/session/me";
import { date } from "@/i18n/format";
import { describe, sentenceFor } from "@/i18n/problem";
import { Button, CopyButton, ErrorState, IdentifiedIcon, Skeleton, Tag, toast, toastError, VerifiedIcon } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { channelOfIdentity, identityKind, shortValue } from "./identity";
import "./customers.css";

/** Says that nothing is sent to it any more and why, and lets it be written to again. */
function Suppressed({ identity, customerId }: { identity: Identity; customerId: string }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const allowed = usePermission("customers.write");
  const confirm = useConfirm();
  const lift = useMutation({
    mutationFn: () => api.liftSuppression(identity.id),
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: keys.identities(customerId) });
      toast(t("suppressed.lifted"));
    },
    onError: (error) => toastError(describe(error)),
  });
  const why = (identity.suppressed && sentenceFor({ code: identity.suppressed })) || t("suppressed.why");
  const ask = async () => {
    if (await confirm({ title: t("suppressed.liftTitle"), body: `${why} ${t("suppressed.liftBody")}`, act: t("suppressed.lift") })) lift.mutate();
  };
  return (
    <span className="identity-suppressed" data-testid="suppressed" title={why}>
      <Tag tone="warn">{t("suppressed.tag")}</Tag>
      {allowed && (
        <Button type="link" size="small" data-testid="suppression-lift" loading={lift.isPending} onClick={() => void ask()}>
          {t("suppressed.lift")}
        </Button>
      )}
    </span>
  );
}

function Row({ identity, dated, customerId }: { identity: Identity; dated: boolean; customerId: string }) {
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
          {dated ? ` · ${t("panel.identitySince", { time: date(identity.created_at) })}` : ""}
        </small>
        {identity.suppressed && <Suppressed identity={identity} customerId={customerId} />}
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
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const items = query.data.items;
  if (items.length === 0) return <p className="panel-muted">{t("customers.noIdentities")}</p>;
  return (
    <ul className="identities">
      {items.map((identity) => (
        <Row key={identity.id} identity={identity} dated={dated} customerId={customerId} />
      ))}
    </ul>
  );
}
