import { useTranslation } from "react-i18next";
import type { Account } from "@/api/types";
import { ago, full } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";
import { Alert, Tag, useNow } from "@/ui";

/** An account's health in a word, for lists. */
export function HealthTag({ account }: { account: Account }) {
  const { t } = useTranslation();
  if (account.status === "disabled") return <Tag tone="danger">{t("accounts.disabled")}</Tag>;
  if (!account.health.ok) return <Tag tone="warn">{t("accounts.trouble")}</Tag>;
  return <Tag tone="ok">{t("accounts.active")}</Tag>;
}

/** What is wrong with an account, since when, and what to do; nothing when all is well. */
export function HealthNote({ account }: { account: Account }) {
  const { t } = useTranslation();
  const now = useNow();
  const { health } = account;
  if (health.ok) return null;
  const words = sentenceFor({ code: health.code, params: health.params }) ?? t("accounts.stepUnknown");
  return (
    <div data-testid="account-health" data-code={health.code}>
      <Alert tone="warn">
        <strong>{t("accounts.troubleTitle")}</strong> {words} <code>{health.code}</code>
        {health.since && (
          <>
            {" "}
            <time dateTime={health.since} title={full(health.since)}>
              {t("accounts.since", { time: ago(health.since, now) })}
            </time>
          </>
        )}
      </Alert>
    </div>
  );
}
