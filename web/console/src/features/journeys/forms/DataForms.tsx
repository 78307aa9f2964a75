import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { AssigneeKind, TaskStep } from "@/api/journeys";
import { attributeText, parseAttribute } from "@/features/customers/attributes";
import { useTeammates, useTeams } from "@/features/inbox/queries";
import { PickName, stageName, useAttributeNames, useStages, useTags } from "@/features/segments";
import { Checkbox, Field, Segmented, Select } from "@/ui";
import { useEditor } from "../context";
import { below, type FormProps } from "./form";
import { LiquidField } from "./LiquidField";
import { LengthField } from "./TimingForms";

/** Sets an attribute, or takes it away. */
export function AttributeForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const known = useAttributeNames().filter((a) => !a.name.startsWith("$"));
  const attribute = node.attribute ?? { name: "", value: "" };
  const unset = attribute.value === null;
  // What is typed stays as it is until the field is left: "1." is on its way to "1.5".
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <>
      <div className="ui-field">
        <span className="ui-label">{t("customers.attributeName")}</span>
        <PickName disabled={readOnly} invalid={"attribute.name" in problems} label={t("customers.attributeName")} placeholder={t("journeys.attributeHint")} testid="attribute-name" value={attribute.name} onChange={(name) => set({ attribute: { ...attribute, name } })} options={known.map((a) => ({ value: a.name, label: a.name, note: a.examples.slice(0, 2).join(", ") }))} />
        {problems["attribute.name"] && <span className="ui-error">{problems["attribute.name"]}</span>}
      </div>
      <Segmented
        block
        disabled={readOnly}
        aria-label={t("journeys.attributeAct")}
        value={unset ? "unset" : "set"}
        onChange={(value) => set({ attribute: { ...attribute, value: value === "unset" ? null : "" } })}
        options={[
          { value: "set", label: t("journeys.attributeSet") },
          { value: "unset", label: t("journeys.attributeUnset") },
        ]}
      />
      {!unset && (
        <div onBlur={() => setTyped(null)}>
          <LiquidField
            label={t("customers.attributeValue")}
            help={t("customers.jsonHelp")}
            testid="attribute-value"
            value={typed ?? attributeText(attribute.value)}
            error={problems["attribute.value"]}
            readOnly={readOnly}
            onChange={(text) => {
              setTyped(text);
              set({ attribute: { ...attribute, value: text.includes("{{") ? text : parseAttribute(text) } }, "attribute");
            }}
          />
        </div>
      )}
    </>
  );
}

/** Adds and removes tags. */
export function TagForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const known = useTags();
  const options = known.map((tag) => ({ value: tag.name, label: tag.name }));
  const field = (name: "add" | "remove", label: string) => (
    <Field label={label} error={below(problems, `tag.${name}`)}>
      {({ id, status }) => <Select id={id} mode="tags" status={status ?? ""} disabled={readOnly} data-testid={`tag-${name}`} placeholder={t("journeys.tagHint")} tokenSeparators={[",", "，"]} value={node.tag?.[name] ?? []} onChange={(values: string[]) => set({ tag: { ...node.tag, [name]: values.map((v) => v.trim()).filter(Boolean) } })} options={options} />}
    </Field>
  );
  return (
    <>
      {field("add", t("journeys.tagAdd"))}
      {field("remove", t("journeys.tagRemove"))}
    </>
  );
}

/** Moves the person to a stage. */
export function StageForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const stages = useStages();
  const stage = node.stage ?? { to: "" };
  return (
    <>
      <Field label={t("journeys.stageTo")} error={problems["stage.to"]}>
        {({ id, status }) => <Select id={id} status={status ?? ""} disabled={readOnly} data-testid="stage-to" placeholder={t("journeys.stageHint")} value={stage.to || null} onChange={(to: string) => set({ stage: { ...stage, to } })} options={stages.map((s) => ({ value: s.key, label: stageName(s) }))} />}
      </Field>
      <Checkbox disabled={readOnly} checked={stage.forward_only ?? false} onChange={(e) => set({ stage: { ...stage, forward_only: e.target.checked } })}>
        {t("journeys.forwardOnly")}
      </Checkbox>
    </>
  );
}

const assignees: AssigneeKind[] = ["conversation", "least", "team", "teammate", "nobody"];

/** Makes a task for somebody. */
export function TaskStepForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const { graph } = useEditor();
  const teammates = useTeammates();
  const teams = useTeams();
  const task: TaskStep = node.task ?? { title: "", due: "24h", assignee: { kind: "conversation" } };
  const change = (patch: Partial<TaskStep>, mark?: string) => set({ task: { ...task, ...patch } }, mark);
  const { kind, id: who } = task.assignee;
  const event = graph.trigger.kind === "event" ? graph.trigger.event : undefined;
  const people = kind === "teammate" ? teammates.map((m) => ({ value: m.id, label: m.name })) : teams.map((x) => ({ value: x.id, label: x.name }));
  return (
    <>
      <LiquidField label={t("tasks.title_")} testid="flow-task-title" value={task.title} error={problems["task.title"]} event={event} placeholder={t("tasks.titleExample")} readOnly={readOnly} onChange={(title) => change({ title }, "task-title")} />
      <LengthField label={t("journeys.taskDue")} help={t("journeys.taskDueHelp")} value={task.due} error={problems["task.due"]} readOnly={readOnly} onChange={(due) => change({ due }, "task-due")} />
      <Field label={t("tasks.owner")} help={t(`journeys.assigneeHelp.${kind}`)} error={problems["task.assignee.kind"]}>
        {({ id }) => <Select id={id} disabled={readOnly} data-testid="task-assignee" value={kind} onChange={(next: AssigneeKind) => change({ assignee: { kind: next } })} options={assignees.map((value) => ({ value, label: t(`journeys.assignee.${value}`) }))} />}
      </Field>
      {(kind === "teammate" || kind === "team" || kind === "least") && (
        <Field label={t(kind === "teammate" ? "journeys.assignee.teammate" : "journeys.assignee.team")} error={problems["task.assignee.id"]} {...(kind === "least" ? { optional: t("common.optional") } : {})}>
          {({ id, status }) => <Select id={id} status={status ?? ""} allowClear={kind === "least"} disabled={readOnly} data-testid="task-assignee-id" value={who || null} onChange={(next: string | null) => change({ assignee: { kind, ...(next ? { id: next } : {}) } })} options={people} showSearch={{ optionFilterProp: "label" }} />}
        </Field>
      )}
      <LiquidField lines label={t("tasks.note")} testid="flow-task-note" value={task.note ?? ""} error={problems["task.note"]} event={event} readOnly={readOnly} onChange={(note) => change({ note }, "task-note")} />
    </>
  );
}
