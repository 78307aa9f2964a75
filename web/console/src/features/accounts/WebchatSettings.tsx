import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { WebchatAccount } from "@/api/types";
import { Alert, FormProblem, Page, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import { AccountFields, type AccountValues } from "./AccountFields";
import { Embedding } from "./Embedding";
import { Preview } from "./Preview";
import { StatusControl } from "./StatusControl";
import { useAccountForm } from "./useAccountForm";

const valuesOf = (account: WebchatAccount): AccountValues => ({ name: account.name, config: account.config, origins: account.config.origins.join("\n") });

/** A web chat: its settings, its preview, and how to embed it. */
export function WebchatSettings({ account }: { account: WebchatAccount }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const save = useMutation({
    mutationFn: (values: AccountValues) => api.updateAccount(account.id, { name: values.name, config: values.config }),
    onSuccess: (saved) => {
      void cache.invalidateQueries({ queryKey: keys.accounts });
      form.reset(valuesOf(saved as unknown as WebchatAccount));
      toast(t("common.saved"));
    },
  });
  const form = useAccountForm(valuesOf(account), save.error);
  const submit = () => {
    const values = form.check();
    if (values) save.mutate(values);
  };
  return (
    <Page
      title={account.name}
      lead={
        <>
          <Link to="/accounts">{t("accounts.title")}</Link> · {t("channel.webchat")} · <code>{account.key}</code>
        </>
      }
      actions={<StatusControl account={account} />}
    >
      <div className="account-grid">
        <div style={{ minWidth: 0 }}>
          <form
            noValidate
            onSubmit={(event: FormEvent) => {
              event.preventDefault();
              submit();
            }}
          >
            {account.sandbox && <Alert tone="info">{t("accounts.sandboxHelp")}</Alert>}
            <FormProblem error={save.error} />
            <AccountFields sandbox={account.sandbox} values={form.values} problems={form.problems} onChange={form.setValues} />
            <SaveBar dirty={form.dirty} busy={save.isPending} onSave={submit} onDiscard={() => form.reset()} />
          </form>
          <div style={{ borderTop: "1px solid var(--line)", paddingTop: 16 }}>
            <Embedding account={account} />
          </div>
        </div>
        <Preview config={form.values.config} />
      </div>
    </Page>
  );
}
