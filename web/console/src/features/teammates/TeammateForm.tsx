import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Locale, Role, Scope, SignInLink, Teammate } from "@/api/types";
import { useAccounts, useTeams } from "@/features/inbox/queries";
import { useMe } from "@/features/session/me";
import { locales } from "@/i18n";
import { fieldProblems } from "@/i18n/problem";
import { Field, FormProblem, Input, Select } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";

const roles: Role[] = ["owner", "admin", "manager", "agent", "marketer", "viewer"];
const scopes: Scope[] = ["all", "team", "assigned"];
/** Roles that see every conversation whatever their scope says. */
const seeAll: Role[] = ["owner", "admin", "manager"];

interface Values {
  email: string;
  name: string;
  role: Role;
  locale: Locale;
  scope: Scope;
  account_ids: string[];
  team_ids: string[];
}

interface Props {
  /** Absent to invite somebody new. */
  teammate?: Teammate;
  onClose: () => void;
  onInvited: (teammate: Teammate, link: SignInLink) => void;
}

function initialValues(teammate: Teammate | undefined, locale: Locale): Values {
  if (!teammate) return { email: "", name: "", role: "agent", locale, scope: "all", account_ids: [], team_ids: [] };
  const { email, name, role, scope, account_ids, team_ids } = teammate;
  return { email, name, role, scope, account_ids, team_ids, locale: teammate.locale };
}

/** Invites a teammate, or changes what one is and sees. */
export function TeammateForm({ teammate, onClose, onInvited }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const cache = useQueryClient();
  const accounts = useAccounts();
  const teams = useTeams();
  const [start] = useState(() => initialValues(teammate, me.locale));
  const [values, setValues] = useState(start);
  const [missing, setMissing] = useState<Record<string, string>>({});
  const set = <K extends keyof Values>(key: K, value: Values[K]) => setValues((v) => ({ ...v, [key]: value }));

  const save = useMutation({
    mutationFn: async () => {
      const { email, locale, ...rest } = values;
      const input = { ...rest, name: values.name.trim() };
      if (teammate) {
        await api.updateTeammate(teammate.id, input);
        return null;
      }
      return api.invite({ ...input, locale, email: email.trim(), name: values.name.trim() });
    },
    onSuccess: (invitation) => {
      void cache.invalidateQueries({ queryKey: keys.teammates });
      void cache.invalidateQueries({ queryKey: keys.teams });
      if (invitation) onInvited(invitation.teammate, { url: invitation.invite_url, expires_at: invitation.expires_at });
      else onClose();
    },
  });
  const problems = { ...fieldProblems(save.error), ...missing };

  const submit = () => {
    const found: Record<string, string> = {};
    if (!values.name.trim()) found.name = t("teammates.nameMissing");
    if (!teammate && !/^\S+@\S+$/.test(values.email.trim())) found.email = t("teammates.emailMissing");
    setMissing(found);
    if (Object.keys(found).length === 0) save.mutate();
  };

  return (
    <FormDialog
      title={teammate ? t("teammates.edit") : t("teammates.invite")}
      submit={teammate ? t("common.save") : t("teammates.inviteSubmit")}
      busy={save.isPending}
      dirty={JSON.stringify(values) !== JSON.stringify(start)}
      onSubmit={submit}
      onClose={onClose}
    >
      <FormProblem error={save.error} />
      <Field label={t("teammates.name")} error={problems.name}>
        {(ids) => <Input {...ids} autoFocus data-testid="teammate-name" value={values.name} onChange={(e) => set("name", e.target.value)} />}
      </Field>
      {!teammate && (
        <Field label={t("teammates.email")} error={problems.email}>
          {(ids) => <Input {...ids} type="email" data-testid="teammate-email" value={values.email} onChange={(e) => set("email", e.target.value)} />}
        </Field>
      )}
      <Field label={t("teammates.role")} help={t(`roleHelp.${values.role}`)} error={problems.role}>
        {({ id }) => <Select id={id} data-testid="teammate-role" value={values.role} disabled={teammate?.id === me.id} onChange={(role) => set("role", role)} options={roles.map((value) => ({ value, label: t(`role.${value}`) }))} />}
      </Field>
      {!teammate && (
        <Field label={t("teammates.locale")}>{({ id }) => <Select id={id} value={values.locale} onChange={(locale) => set("locale", locale)} options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))} />}</Field>
      )}
      {values.role !== "marketer" && (
        <Field label={t("scope.label")} help={seeAll.includes(values.role) ? t("teammates.alwaysAll") : undefined} error={problems.scope}>
          {({ id }) => (
            <Select id={id} data-testid="teammate-scope" disabled={seeAll.includes(values.role)} value={seeAll.includes(values.role) ? "all" : values.scope} onChange={(scope) => set("scope", scope)} options={scopes.map((value) => ({ value, label: t(`scope.${value}`) }))} />
          )}
        </Field>
      )}
      {!seeAll.includes(values.role) && values.role !== "marketer" && (
        <Field label={t("teammates.accounts")} help={t("teammates.accountsHelp")} error={problems.account_ids}>
          {({ id }) => <Select id={id} mode="multiple" optionFilterProp="label" value={values.account_ids} onChange={(ids) => set("account_ids", ids)} options={accounts.map((a) => ({ value: a.id, label: a.name }))} />}
        </Field>
      )}
      <Field label={t("teammates.teams")} optional={t("common.optional")} error={problems.team_ids}>
        {({ id }) => <Select id={id} mode="multiple" optionFilterProp="label" value={values.team_ids} onChange={(ids) => set("team_ids", ids)} options={teams.map((team) => ({ value: team.id, label: team.name }))} />}
      </Field>
    </FormDialog>
  );
}
