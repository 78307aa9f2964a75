import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account } from "@/api/types";
import { AccountsIcon, Button, EmptyState, ErrorState, Page, PlusIcon, Skeleton, Tag, WebchatIcon } from "@/ui";
import { readableOn } from "./config";
import "@/features/teammates/teammates.css";
import "./accounts.css";

function AccountRow({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { config } = account;
  return (
    <li data-testid="account-row" data-account-id={account.id}>
      <Link className="account-link" to="/accounts/$accountId" params={{ accountId: account.id }}>
        <span className="account-icon" style={{ background: config.color, color: readableOn(config.color) }}>
          <WebchatIcon />
        </span>
        <span className="grow">
          <strong>{account.name}</strong>
          <br />
          <span className="muted" style={{ overflowWrap: "anywhere" }}>
            {t("channel.webchat")} · {config.origins.includes("*") ? t("accounts.anyOrigin") : config.origins.join(", ")}
          </span>
        </span>
      </Link>
      <span className="account-acts">
        {account.sandbox && <Tag>{t("accounts.sandbox")}</Tag>}
        {account.status === "active" ? <Tag tone="ok">{t("accounts.active")}</Tag> : <Tag tone="danger">{t("accounts.disabled")}</Tag>}
      </span>
    </li>
  );
}

/** The places where customers can write. */
export function AccountsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useQuery({ queryKey: keys.accounts, queryFn: ({ signal }) => api.accounts(signal) });
  const accounts = query.data?.items ?? [];
  const create = (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-account" onClick={() => void navigate({ to: "/accounts/new" })}>
      {t("accounts.create")}
    </Button>
  );
  return (
    <Page narrow title={t("accounts.title")} lead={t("accounts.lead")} actions={accounts.length > 0 && create}>
      {query.isPending ? (
        <Skeleton />
      ) : query.isError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : accounts.length === 0 ? (
        <EmptyState icon={<AccountsIcon />} title={t("accounts.emptyTitle")} actions={create}>
          {t("accounts.emptyBody")}
        </EmptyState>
      ) : (
        <ul className="list-rows">
          {accounts.map((account) => (
            <AccountRow key={account.id} account={account} />
          ))}
        </ul>
      )}
    </Page>
  );
}
