import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Account } from "@/api/types";
import { describe } from "@/i18n/problem";
import { Button, Tag, toast, toastError } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";

/** Whether an account is on, and how to change that. */
export function StatusControl({ account }: { account: Account }) {
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
