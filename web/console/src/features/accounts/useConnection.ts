import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { ApiError } from "@/api/http";
import { keys } from "@/api/keys";
import type { Account, CheckStep } from "@/api/types";
import { fieldProblems } from "@/i18n/problem";
import { toast } from "@/ui";
import { draftOf, justEntered, writing, type Draft } from "./connection";

interface Options<C> {
  channel: string;
  fresh: Draft<C>;
  /** The stored account; absent for a new one. */
  account?: Account;
}

export interface Checked {
  steps: CheckStep[];
  /** What was tried, to tell when it has been changed since. */
  of: string;
}

/** Whether a refusal is told at the form's own fields. */
function atFields(error: unknown): boolean {
  return error instanceof ApiError && error.fields.length > 0 && error.fields.every((f) => /^(name|config\.|secrets\.)/.test(f.field));
}

/** A channel account's form: what is typed, what is wrong with it, what trying it found. */
export function useConnection<C extends object>({ channel, fresh, account }: Options<C>) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const [start, setStart] = useState(() => (account ? draftOf(account, fresh) : fresh));
  const [draft, setDraft] = useState(start);
  const [checked, setChecked] = useState<Checked | null>(null);
  const created = useRef(false);
  const typed = JSON.stringify(draft);

  const check = useMutation({
    mutationFn: async () => {
      const { name: _, ...body } = writing(channel, draft);
      return api.checkAccount({ ...body, ...(account ? { id: account.id } : {}) });
    },
    onMutate: () => setChecked(null),
    onSuccess: ({ items }) => setChecked({ steps: items, of: typed }),
  });

  const save = useMutation({
    mutationFn: () => {
      const { channel: _, ...body } = writing(channel, draft);
      return account ? api.updateAccount(account.id, body) : api.createAccount({ channel, ...body });
    },
    onSuccess: async (saved) => {
      created.current = true;
      justEntered.set(saved.id, { ...justEntered.get(saved.id), ...draft.secrets });
      await cache.invalidateQueries({ queryKey: keys.accounts });
      if (!account) {
        toast(t("accounts.connected"));
        void navigate({ to: "/accounts/$accountId", params: { accountId: saved.id }, ignoreBlocker: true });
        return;
      }
      const next = draftOf(saved, fresh);
      setStart(next);
      setDraft(next);
      setChecked(null);
      toast(t("common.saved"));
    },
  });

  const worked = (steps: CheckStep[]) => steps.every((step) => step.ok);
  return {
    draft,
    setDraft,
    setConfig: (patch: Partial<C>) => setDraft((d) => ({ ...d, config: { ...d.config, ...patch } })),
    /** undefined takes back what was typed, so that the stored one stays. */
    setSecret: (name: string, value: string | undefined) =>
      setDraft((d) => {
        const { [name]: _, ...others } = d.secrets;
        return { ...d, secrets: value === undefined ? others : { ...others, [name]: value } };
      }),
    dirty: typed !== JSON.stringify(start),
    problems: { ...fieldProblems(check.error), ...fieldProblems(save.error) },
    /** What no field of the form says already. */
    refusal: atFields(save.error ?? check.error) ? null : (save.error ?? check.error),
    /** What the last try found, unless the form says something else by now. */
    steps: checked?.of === typed ? checked.steps : null,
    checking: check.isPending,
    saving: save.isPending || (created.current && !account),
    check: () => {
      save.reset();
      check.mutate();
    },
    save: () => {
      check.reset();
      save.mutate();
    },
    /** Tries it, and goes on only when every step worked. */
    checkAndSave: () => {
      save.reset();
      check.mutate(undefined, { onSuccess: ({ items }) => worked(items) && save.mutate() });
    },
    discard: () => {
      setDraft(start);
      setChecked(null);
      check.reset();
      save.reset();
    },
  };
}

export type Connection<C extends object> = ReturnType<typeof useConnection<C>>;
