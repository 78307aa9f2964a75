import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { WebchatAccount } from "@/api/types";
import { EmptyState, ErrorState, NotFoundIcon, Skeleton } from "@/ui";
import { EmailSettings } from "./EmailSettings";
import { WebchatSettings } from "./WebchatSettings";
import { WechatSettings } from "./WechatSettings";
import "./accounts.css";

/** One channel account, whatever its channel. */
export function AccountPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: keys.accounts, queryFn: ({ signal }) => api.accounts(signal) });
  if (query.isPending) return <Skeleton lines={8} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const account = query.data.items.find((a) => a.id === id);
  if (!account) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/accounts">{t("accounts.title")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  // What an account's configuration holds follows from its channel.
  if (account.channel === "wechat") return <WechatSettings account={account} />;
  if (account.channel === "email") return <EmailSettings account={account} />;
  return <WebchatSettings account={account as unknown as WebchatAccount} />;
}
