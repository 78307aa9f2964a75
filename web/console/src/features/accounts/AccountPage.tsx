import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account } from "@/api/types";
import { describe } from "@/i18n/problem";
import { Alert, Button, EmptyState, ErrorState, FormProblem, NotFoundIcon, Page, Skeleton, Tag, toast, toastError } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { SaveBar } from "@/ui/save-bar";
import { AccountFields, type AccountValues } from "./AccountFields";
import { Embedding } from "./Embedding";
import { Preview } from "./Preview";
import { useAccountForm } from "./useAccountForm";
import "./accounts.css";

const valuesOf = (account: Account): AccountValues => ({ name: account.name, config: account.config, origins: account.config.origins.join("\n") });

function StatusControl({ account }: { account: Account }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const { id, name } = account;
  const active = account.status === "active";
  const change = useMutation({
    mutationFn: async () => {
      if (active) await api.disableAccount(id);
      else await api.updateAccount(id, { status: "active" });
    },
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: keys.accounts });
      toast(t(active ? "accounts.disabledToast" : "accounts.enabledToast", { name }));
    },
    onError: (error) => toastError(describe(error)),
  });
  const ask = async () => {
    if (!active || (await confirm({ title: t("accounts.disableTitle", { name }), body: t("accounts.disableBody"), act: t("accounts.disable"), danger: true }))) change.mutate();
  };
  return (
    <span className="account-acts">
      {account.sandbox && <Tag>{t("accounts.sandbox")}</Tag>}
      {active ? <Tag tone="ok">{t("accounts.active")}</Tag> : <Tag tone="danger">{t("accounts.disabled")}</Tag>}
      <Button danger={active} loading={change.isPending} data-testid="account-toggle" onClick={() => void ask()}>
        {t(active ? "accounts.disable" : "accounts.enable")}
      </Button>
    </span>
  );
}

function Settings({ account }: { account: Account }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const save = useMutation({
    mutationFn: (values: AccountValues) => api.updateAccount(account.id, { name: values.name, config: values.config }),
    onSuccess: (saved) => {
      void cache.invalidateQueries({ queryKey: keys.accounts });
      form.reset(valuesOf(saved));
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

/** One web chat: its settings, its preview, and how to embed it. */
export function AccountPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: keys.accounts, queryFn: ({ signal }) => api.accounts(signal) });
  if (query.isPending) return <Skeleton lines={8} />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const account = query.data.items.find((a) => a.id === id);
  if (!account) {
    return (
      <EmptyState icon={<NotFoundIcon />} title={t("state.notFoundTitle")} actions={<Link to="/accounts">{t("accounts.title")}</Link>}>
        {t("state.notFoundBody")}
      </EmptyState>
    );
  }
  return <Settings account={account} />;
}
