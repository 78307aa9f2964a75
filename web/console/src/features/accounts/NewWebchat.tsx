import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account } from "@/api/types";
import { useMe } from "@/features/session/me";
import { Button, FormProblem, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import { AccountFields, type AccountValues } from "./AccountFields";
import { defaultConfig } from "./config";
import { Preview } from "./Preview";
import { useAccountForm } from "./useAccountForm";
import { bothLanguages } from "./words";

/** Creates a web chat; the preview follows the form. */
export function NewWebchat() {
  const { t } = useTranslation();
  const me = useMe();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const created = useRef(false);
  const create = useMutation({
    mutationFn: (values: AccountValues) => api.createAccount({ channel: "webchat", name: values.name, config: values.config }),
    onSuccess: async (account: Account) => {
      created.current = true;
      await cache.invalidateQueries({ queryKey: keys.accounts });
      toast(t("accounts.created"));
      void navigate({ to: "/accounts/$accountId", params: { accountId: account.id }, ignoreBlocker: true });
    },
  });
  const form = useAccountForm({ name: "", origins: "", config: defaultConfig(bothLanguages(), me.locale) }, create.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save();
  };
  const save = () => {
    const values = form.check();
    if (values) create.mutate(values);
  };
  return (
    <div className="account-grid">
      <form onSubmit={submit} noValidate>
        <FormProblem error={create.error} />
        <AccountFields values={form.values} problems={form.problems} onChange={form.setValues} />
        {form.dirty ? (
          <SaveBar dirty busy={create.isPending || created.current} saveLabel={t("accounts.createSubmit")} onSave={save} onDiscard={() => form.reset()} />
        ) : (
          <Button type="primary" htmlType="submit">
            {t("accounts.createSubmit")}
          </Button>
        )}
      </form>
      <Preview config={form.values.config} />
    </div>
  );
}
