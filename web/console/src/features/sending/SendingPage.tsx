import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { behaviourApi, type SendingRules } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { usePermission } from "@/features/session/me";
import { number } from "@/i18n/format";
import { fieldProblems } from "@/i18n/problem";
import { ErrorState, Field, FormProblem, Input, InputNumber, Page, Section, Skeleton, Switch, Toggle, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import "@/features/accounts/accounts.css";
import "@/features/teammates/teammates.css";

function SendingForm({ held, readOnly }: { held: SendingRules; readOnly: boolean }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [start, setStart] = useState(held);
  const [values, setValues] = useState(held);
  const save = useMutation({
    mutationFn: () => behaviourApi.saveSending(values),
    onSuccess: (saved) => {
      const next = saved ?? values;
      cache.setQueryData(keys.sending, next);
      setStart(next);
      setValues(next);
      toast(t("common.saved"));
    },
  });
  const problems = fieldProblems(save.error);
  const { quiet, cap } = values;
  const setQuiet = (patch: Partial<SendingRules["quiet"]>) => setValues({ ...values, quiet: { ...quiet, ...patch } });
  const setCap = (patch: Partial<SendingRules["cap"]>) => setValues({ ...values, cap: { ...cap, ...patch } });
  return (
    <form
      noValidate
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        if (!readOnly) save.mutate();
      }}
    >
      <FormProblem error={save.error} />
      <Section title={t("sending.quiet")}>
        <Toggle label={t("sending.quietOn")} help={t("sending.quietHelp", { zone: held.timezone })}>
          {({ id }) => <Switch id={id} disabled={readOnly} data-testid="quiet-enabled" checked={quiet.enabled} onChange={(enabled) => setQuiet({ enabled })} />}
        </Toggle>
        <div className="pair">
          <Field label={t("sending.from")} error={problems["quiet.from"]}>
            {(ids) => <Input {...ids} type="time" data-testid="quiet-from" disabled={readOnly || !quiet.enabled} value={quiet.from} onChange={(e) => setQuiet({ from: e.target.value })} />}
          </Field>
          <Field label={t("sending.to")} error={problems["quiet.to"]}>
            {(ids) => <Input {...ids} type="time" data-testid="quiet-to" disabled={readOnly || !quiet.enabled} value={quiet.to} onChange={(e) => setQuiet({ to: e.target.value })} />}
          </Field>
        </div>
        {quiet.enabled && quiet.from && quiet.to && <p className="muted">{t("sending.quietSays", { from: quiet.from, to: quiet.to })}</p>}
      </Section>
      <Section title={t("sending.cap")}>
        <Toggle label={t("sending.capOn")} help={t("sending.capHelp")}>
          {({ id }) => <Switch id={id} disabled={readOnly} data-testid="cap-enabled" checked={cap.enabled} onChange={(enabled) => setCap({ enabled })} />}
        </Toggle>
        <div className="pair">
          <Field label={t("sending.max")} error={problems["cap.max"]}>
            {(ids) => <InputNumber {...ids} style={{ width: "100%" }} min={1} max={1000} precision={0} data-testid="cap-max" disabled={readOnly || !cap.enabled} value={cap.max} onChange={(max) => typeof max === "number" && setCap({ max })} />}
          </Field>
          <Field label={t("sending.days")} error={problems["cap.days"]}>
            {(ids) => <InputNumber {...ids} style={{ width: "100%" }} min={1} max={365} precision={0} data-testid="cap-days" disabled={readOnly || !cap.enabled} value={cap.days} onChange={(days) => typeof days === "number" && setCap({ days })} />}
          </Field>
        </div>
        {cap.enabled && <p className="muted">{t("sending.capSays", { count: cap.max, max: number(cap.max), days: number(cap.days) })}</p>}
      </Section>
      <SaveBar dirty={!readOnly && JSON.stringify(values) !== JSON.stringify(start)} busy={save.isPending} onSave={() => save.mutate()} onDiscard={() => (setValues(start), save.reset())} />
    </form>
  );
}

/** When and how often automations may write to somebody; replies of teammates are never held back. */
export function SendingPage() {
  const { t } = useTranslation();
  const manage = usePermission("journeys.manage");
  const query = useQuery({ queryKey: keys.sending, queryFn: ({ signal }) => behaviourApi.sending(signal) });
  return (
    <Page narrow title={t("sending.title")} lead={t("sending.lead")}>
      {query.isPending ? <Skeleton /> : query.isLoadingError ? <ErrorState error={query.error} onRetry={() => void query.refetch()} /> : <SendingForm held={query.data} readOnly={!manage} />}
    </Page>
  );
}
