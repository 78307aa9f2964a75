import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account } from "@/api/types";
import { describe } from "@/i18n/problem";
import { Alert, Button, CopyBlock, Section, Segmented, toastError } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { identityExamples, pageExample, type ExampleLanguage } from "./examples";

const languages = Object.keys(identityExamples) as ExampleLanguage[];

/** The line to paste into a website. */
function embedLine(account: Account, origin: string): string {
  return `<script async src="${origin}/widget.js" data-account="${account.key}"></script>`;
}

function IdentitySecret({ account }: { account: Account }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const [language, setLanguage] = useState<ExampleLanguage>("Node.js");
  const create = useMutation({
    mutationFn: () => api.newIdentitySecret(account.id),
    onSuccess: () => void cache.invalidateQueries({ queryKey: keys.accounts }),
    onError: (error) => toastError(describe(error)),
  });
  const ask = async () => {
    const replace = account.has_identity_secret || create.data;
    if (!replace || (await confirm({ title: t("accounts.secretReplaceTitle"), body: t("accounts.secretReplaceBody"), act: t("accounts.secretReplace"), danger: true }))) create.mutate();
  };
  return (
    <Section title={t("accounts.identityTitle")}>
      <p style={{ color: "var(--text-2)" }}>{t("accounts.identityBody")}</p>
      {create.data ? (
        <div style={{ display: "grid", gap: 8 }} data-testid="identity-secret">
          <Alert tone="warn">{t("accounts.secretOnce")}</Alert>
          <CopyBlock text={create.data.secret} label={t("accounts.identityTitle")} />
        </div>
      ) : (
        <div>
          <span style={{ color: "var(--text-2)", marginInlineEnd: 12 }}>{t(account.has_identity_secret ? "accounts.secretExists" : "accounts.secretNone")}</span>
          <Button data-testid="create-secret" loading={create.isPending} onClick={() => void ask()}>
            {t(account.has_identity_secret ? "accounts.secretReplace" : "accounts.secretCreate")}
          </Button>
        </div>
      )}
      <div style={{ display: "grid", gap: 8, minWidth: 0 }}>
        <p>{t("accounts.exampleStep1")}</p>
        <Segmented aria-label={t("accounts.example")} style={{ justifySelf: "start" }} value={language} onChange={setLanguage} options={languages} />
        <CopyBlock text={identityExamples[language]} label={`${t("accounts.example")}: ${language}`} />
        <p>{t("accounts.exampleStep2")}</p>
        <CopyBlock text={pageExample} label={t("accounts.example")} />
      </div>
    </Section>
  );
}

/** How to bring the chat onto a website, and how to say who is signed in there. */
export function Embedding({ account }: { account: Account }) {
  const { t } = useTranslation();
  return (
    <>
      <Section title={t("accounts.embedTitle")}>
        <p style={{ color: "var(--text-2)" }}>{t("accounts.embedBody")}</p>
        <div data-testid="embed-snippet">
          <CopyBlock text={embedLine(account, window.location.origin)} label={t("accounts.embedTitle")} />
        </div>
      </Section>
      <IdentitySecret account={account} />
    </>
  );
}
