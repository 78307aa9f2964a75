import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { behaviourApi, type Stage } from "@/api/behaviour";
import { keys } from "@/api/keys";
import type { RuleNode } from "@/api/rule";
import { RuleEditor, unfinishedProblems } from "@/features/segments";
import { usePreview } from "@/features/segments/queries";
import { number } from "@/i18n/format";
import { fieldProblems } from "@/i18n/problem";
import { Alert, Button, Field, FormProblem, Input, Toggle, Switch, toast } from "@/ui";

interface Props {
  stage: Stage | null;
  onDirty: (dirty: boolean) => void;
  onDone: () => void;
}

/** A key from an English name: what programs call the stage. */
function keyFrom(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "")
    .slice(0, 30);
}

function RuleField({ rule, problems, onChange }: { rule: RuleNode; problems: Record<string, string>; onChange: (rule: RuleNode) => void }) {
  const { t } = useTranslation();
  const preview = usePreview(rule);
  return (
    <>
      <RuleEditor value={rule} onChange={onChange} problems={{ ...fieldProblems(preview.query.error), ...problems }} counts={preview.counts} />
      <p className="muted" role="status">
        {preview.asked.unfinished.length > 0 ? t("rule.unfinished", { count: preview.asked.unfinished.length }) : preview.query.data && !preview.stale ? t("stages.ruleTakes", { count: preview.query.data.count, number: number(preview.query.data.count) }) : t("common.loading")}
      </p>
    </>
  );
}

/** A stage's names in both languages, and the rule by which people come into it. */
export function StageForm({ stage, onDirty, onDone }: Props) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [start] = useState(() => ({ name_en: stage?.name_en ?? "", name_zh: stage?.name_zh ?? "", rule: stage?.rule ?? null }));
  const [values, setValues] = useState(start);
  const [found, setFound] = useState<Record<string, string>>({});
  const change = (patch: Partial<typeof start>) => {
    const next = { ...values, ...patch };
    setValues(next);
    setFound({});
    onDirty(JSON.stringify(next) !== JSON.stringify(start));
  };
  const save = useMutation({
    mutationFn: () => {
      const body = { name_en: values.name_en.trim(), name_zh: values.name_zh.trim(), rule: values.rule };
      return stage ? behaviourApi.updateStage(stage.key, body) : behaviourApi.createStage({ ...body, key: keyFrom(body.name_en) });
    },
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: keys.stages });
      toast(t(stage ? "common.saved" : "stages.created"));
      onDirty(false);
      onDone();
    },
  });
  const problems = { ...fieldProblems(save.error), ...found };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const missing: Record<string, string> = {};
    if (!values.name_en.trim()) missing.name_en = t("stages.nameMissing");
    else if (!stage && !keyFrom(values.name_en)) missing.name_en = t("stages.keyMissing");
    if (!values.name_zh.trim()) missing.name_zh = t("stages.nameMissing");
    if (values.rule) Object.assign(missing, unfinishedProblems(values.rule));
    setFound(missing);
    if (Object.keys(missing).length === 0) save.mutate();
  };
  return (
    <form className="stage-form" noValidate onSubmit={submit}>
      <FormProblem error={save.error} />
      <Field label={t("stages.nameIn", { language: t("locale.en") })} error={problems.name_en ?? problems.key}>
        {(ids) => <Input {...ids} autoFocus data-testid="stage-name-en" maxLength={40} value={values.name_en} onChange={(e) => change({ name_en: e.target.value })} />}
      </Field>
      <Field label={t("stages.nameIn", { language: t("locale.zh-CN") })} error={problems.name_zh}>
        {(ids) => <Input {...ids} data-testid="stage-name-zh" maxLength={40} value={values.name_zh} onChange={(e) => change({ name_zh: e.target.value })} />}
      </Field>
      <Toggle label={t("stages.byRule")} help={t("stages.byRuleHelp")}>
        {({ id }) => <Switch id={id} data-testid="stage-by-rule" checked={values.rule !== null} onChange={(on) => change({ rule: on ? { kind: "all", of: [] } : null })} />}
      </Toggle>
      {values.rule && (values.rule.of ?? []).length === 0 && <Alert tone="warn">{t("stages.everybodyWarning")}</Alert>}
      {values.rule && <RuleField rule={values.rule} problems={problems} onChange={(rule) => change({ rule })} />}
      <div className="stage-form-acts">
        <Button onClick={onDone}>{t("common.cancel")}</Button>
        <Button type="primary" htmlType="submit" loading={save.isPending} data-testid="stage-save">
          {stage ? t("common.save") : t("stages.create")}
        </Button>
      </div>
    </form>
  );
}
