import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useRef, useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { segmentsApi, type Segment, type SegmentWriting } from "@/api/segments";
import { usePermission } from "@/features/session/me";
import { fieldProblems } from "@/i18n/problem";
import { Alert, Button, Field, FormProblem, Input, toast } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { SaveBar } from "@/ui/save-bar";
import { PreviewCard } from "./PreviewCard";
import { usePreview, usePutSegment } from "./queries";
import { RuleEditor, RuleSentence, unfinishedProblems } from "./rules";
import { pathText, rooted } from "./rules/tree";
import { usersText } from "./words";
import { WhyCard } from "./WhyCard";

interface Props {
  /** The one that is edited; without it a new one is made. */
  segment?: Segment;
  start?: SegmentWriting;
}

const writingOf = ({ name, description, rule }: SegmentWriting): SegmentWriting => ({ name, description, rule: rooted(rule) });
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A segment's name and conditions, with the people they take shown while one writes. */
export function SegmentForm({ segment, start: given }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const confirm = useConfirm();
  const put = usePutSegment();
  const readOnly = !usePermission("segments.manage");
  const [start, setStart] = useState(() => writingOf(segment ?? given!));
  const [values, setValues] = useState(start);
  const [found, setFound] = useState<Record<string, string>>({});
  const done = useRef(false);
  const preview = usePreview(values.rule);
  const users = segment?.used_by ?? [];
  const ruleChanged = !same(values.rule, start.rule);
  const dirty = !same(values, start) || (!segment && values.name !== "");

  const save = useMutation({
    mutationFn: (body: SegmentWriting) => (segment ? segmentsApi.update(segment.id, { ...body, version: segment.version }) : segmentsApi.create(body)),
    onSuccess: (saved) => {
      put(saved);
      if (segment) {
        const next = writingOf(saved);
        setStart(next);
        setValues(next);
        toast(t("common.saved"));
        return;
      }
      done.current = true;
      toast(t("segments.created"));
      void navigate({ to: "/segments/$segmentId", params: { segmentId: saved.id }, replace: true, ignoreBlocker: true });
    },
  });

  // What the count was refused for is said at its place at once, not only on saving.
  const refused = useMemo(() => {
    const said = { ...fieldProblems(preview.query.error), ...fieldProblems(save.error) };
    const out: Record<string, string> = {};
    for (const [field, sentence] of Object.entries(said)) {
      const [, path, rest] = /^(rule(?:\.of\[\d+\])*)(.*)$/.exec(field) ?? [];
      // The count knows only the finished part of the rule: its places are others.
      const at = path !== undefined && preview.query.error && !save.error ? preview.asked.origin.get([...path.matchAll(/\[(\d+)\]/g)].map((m) => m[1]).join()) : undefined;
      out[at ? pathText("rule", at) + (rest ?? "") : field] = sentence;
    }
    return out;
  }, [preview.asked, preview.query.error, save.error]);

  const check = (): boolean => {
    const problems: Record<string, string> = {};
    if (!values.name.trim()) problems.name = t("segments.nameMissing");
    Object.assign(problems, unfinishedProblems(values.rule));
    setFound(problems);
    return Object.keys(problems).length === 0;
  };
  const submit = async () => {
    if (!check()) return;
    if (users.length > 0 && ruleChanged && !(await confirm({ title: t("segments.changeUsedTitle"), body: t("segments.changeUsedBody", { users: usersText(users) }), act: t("common.save") }))) return;
    save.mutate({ name: values.name.trim(), description: values.description.trim(), rule: values.rule });
  };
  const discard = () => {
    setValues(start);
    setFound({});
    save.reset();
  };
  const problems = { ...refused, ...found };

  return (
    <div className="segment-grid">
      <form
        noValidate
        className="segment-form"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void submit();
        }}
      >
        <FormProblem error={save.error} />
        {users.length > 0 && !readOnly && <Alert tone="info">{t("segments.usedWarning", { users: usersText(users) })}</Alert>}
        <div className="segment-names">
          <Field label={t("segments.name")} error={problems.name}>
            {(ids) => <Input {...ids} data-testid="segment-name" disabled={readOnly} maxLength={200} autoFocus={!segment} value={values.name} onChange={(e) => setValues({ ...values, name: e.target.value })} placeholder={t("segments.nameHint")} />}
          </Field>
          <Field label={t("segments.description")} optional={t("common.optional")} error={problems.description}>
            {(ids) => <Input {...ids} data-testid="segment-description" disabled={readOnly} maxLength={1000} value={values.description} onChange={(e) => setValues({ ...values, description: e.target.value })} />}
          </Field>
        </div>
        <div className="segment-rule">
          <h2>{t("segments.who")}</h2>
          <RuleEditor
            value={values.rule}
            onChange={(rule) => {
              setValues((held) => ({ ...held, rule }));
              setFound({});
            }}
            problems={problems}
            counts={preview.counts}
            readOnly={readOnly}
            {...(segment ? { own: segment.id } : {})}
          />
          {(values.rule.of ?? []).length > 0 && (
            <p className="segment-words">
              <RuleSentence rule={values.rule} />
            </p>
          )}
        </div>
        {segment ? (
          <SaveBar dirty={dirty && !readOnly} busy={save.isPending} onSave={() => void submit()} onDiscard={discard} />
        ) : dirty ? (
          <SaveBar dirty busy={save.isPending || done.current} saveLabel={t("segments.createSubmit")} onSave={() => void submit()} onDiscard={discard} />
        ) : (
          <Button type="primary" htmlType="submit" className="segment-create">
            {t("segments.createSubmit")}
          </Button>
        )}
      </form>
      <aside className="segment-side">
        <PreviewCard preview={preview} />
        <WhyCard rule={preview.asked.rule} />
      </aside>
    </div>
  );
}
