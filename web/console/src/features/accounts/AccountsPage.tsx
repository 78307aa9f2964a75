import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account, EmailConfig, WebchatConfig, WechatConfig } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { sentenceFor } from "@/i18n/problem";
import { AccountsIcon, Button, EmptyState, ErrorState, Page, PlusIcon, Skeleton, Tag, WebchatIcon } from "@/ui";
import { readableOn } from "./config";
import { HealthTag } from "./HealthNote";
import "@/features/teammates/teammates.css";
import "./accounts.css";

/** By what people recognise an account of a channel. */
function useWhere(account: Account): string {
  const { t } = useTranslation();
  if (account.channel === "wechat") return (account.config as unknown as WechatConfig).app_id;
  if (account.channel === "email") return (account.config as unknown as EmailConfig).address;
  if (account.channel !== "webchat") return account.key;
  const { origins } = account.config as unknown as WebchatConfig;
  return origins.includes("*") ? t("accounts.anyOrigin") : origins.join(", ");
}

function Face({ account }: { account: Account }) {
  if (account.channel !== "webchat") {
    return (
      <span className="account-icon" data-channel={account.channel}>
        <ChannelIcon channel={account.channel} silent />
      </span>
    );
  }
  const { color } = account.config as unknown as WebchatConfig;
  return (
    <span className="account-icon" style={{ background: color, color: readableOn(color) }}>
      <WebchatIcon />
    </span>
  );
}

function AccountRow({ account }: { account: Account }) {
  const { t } = useTranslation();
  const where = useWhere(account);
  return (
    <li data-testid="account-row" data-account-id={account.id} data-channel={account.channel}>
      <Link className="account-link" to="/accounts/$accountId" params={{ accountId: account.id }}>
        <Face account={account} />
        <span className="grow">
          <strong>{account.name}</strong>
          <br />
          <span className="muted" style={{ overflowWrap: "anywhere" }}>
            {channelName(account.channel)} · {where}
          </span>
          {!account.health.ok && account.status === "active" && <span className="account-trouble">{sentenceFor({ code: account.health.code, params: account.health.params }) ?? account.health.code}</span>}
        </span>
      </Link>
      <span className="account-acts">
        {account.sandbox && <Tag>{t("accounts.sandbox")}</Tag>}
        <HealthTag account={account} />
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
      ) : query.isLoadingError ? (
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
