import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import { Skeleton, VerifiedIcon } from "@/ui";

/** How a customer is known, with a mark on what is verified. */
export function IdentityList({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: keys.identities(customerId), queryFn: ({ signal }) => api.identities(customerId, signal) });
  if (query.isPending) return <Skeleton lines={2} />;
  const items = query.data?.items ?? [];
  if (items.length === 0) return <p className="panel-muted">{t("customers.noIdentities")}</p>;
  return (
    <ul className="identities">
      {items.map((identity) => (
        <li key={identity.id}>
          <span className="panel-muted">{t(`identityKind.${identity.kind}`)}</span> <span style={{ overflowWrap: "anywhere" }}>{identity.value}</span>{" "}
          {identity.verified && (
            <span role="img" aria-label={t("panel.verified")} title={t("panel.verified")} style={{ color: "var(--accent)" }}>
              <VerifiedIcon />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
