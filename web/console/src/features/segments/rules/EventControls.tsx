import { useTranslation } from "react-i18next";
import type { RuleNode, RuleWindow } from "@/api/rule";
import { eventName } from "@/features/customers/events";
import { number } from "@/i18n/format";
import { InputNumber, Select } from "@/ui";
import { useEditing } from "./editing";
import { DurationInput, InstantInput, PickName } from "./fields";
import { FilterRows } from "./FilterRows";
import { useEventNames } from "./names";
import { Sentence, type ControlsProps } from "./Sentence";
import { countOps, eventMode, open } from "./words";

type WindowKind = "ever" | "last" | "since" | "until" | "between";
const windowKinds: WindowKind[] = ["last", "ever", "since", "until", "between"];

function kindOf(window: RuleWindow | undefined): WindowKind {
  if (!window) return "ever";
  if (window.last !== undefined) return "last";
  if (window.from !== undefined) return window.to !== undefined ? "between" : "since";
  return "until";
}

/** Since when, until when, or how long back an event counts. */
function WindowControls({ window, invalid, onChange }: { window: RuleWindow | undefined; invalid: boolean; onChange: (window: RuleWindow | undefined) => void }) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const kind = kindOf(window);
  const choose = (next: WindowKind) => {
    const from = window?.from ?? "";
    const to = window?.to ?? "";
    onChange(next === "ever" ? undefined : next === "last" ? { last: "30d" } : next === "since" ? { from } : next === "until" ? { to } : { from, to });
  };
  const instant = (end: "from" | "to") => <InstantInput label={t(end === "from" ? "rule.fromLabel" : "rule.toLabel")} disabled={readOnly} invalid={invalid} value={window?.[end]} onChange={(at) => onChange({ ...window, [end]: at })} />;
  return (
    <>
      <Select size="small" popupMatchSelectWidth={false} disabled={readOnly} aria-label={t("rule.windowLabel")} data-testid="rule-window" value={kind} onChange={choose} options={windowKinds.map((value) => ({ value, label: t(`rule.windowKind.${value}`) }))} />
      {kind === "last" && <DurationInput label={t("rule.durationLabel")} disabled={readOnly} invalid={invalid} value={window?.last} onChange={(last) => onChange({ last })} />}
      {(kind === "since" || kind === "between") && instant("from")}
      {kind === "between" && <span>{t("rule.and2")}</span>}
      {(kind === "until" || kind === "between") && instant("to")}
    </>
  );
}

const modes = ["count", "never", "sum"] as const;

/** The fields of an event condition when it is read another way. */
function inMode(mode: (typeof modes)[number], leaf: RuleNode): Partial<RuleNode> {
  if (mode === "never") return { measure: undefined, property: undefined, op: "equals", value: 0 };
  if (mode === "sum") return { measure: "sum", property: leaf.property ?? "", op: "at_least", value: typeof leaf.value === "number" && leaf.value > 1 ? leaf.value : 100 };
  return { measure: undefined, property: undefined, op: "at_least", value: 1 };
}

/** "did Order Completed at least 2 times in the last 30 days where amount is at least 100". */
export function EventControls({ leaf, fresh, problems, onChange }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const names = useEventNames();
  const properties = names.find((n) => n.name === leaf.name)?.properties ?? [];
  const mode = eventMode(leaf);
  const event = (
    <PickName
      autoFocus={fresh}
      disabled={readOnly}
      invalid={"name" in problems}
      label={t("rule.kind.event")}
      placeholder={t("rule.eventHint")}
      testid="rule-name"
      value={leaf.name ?? ""}
      onChange={(name) => onChange({ name })}
      options={names.map((n) => ({ value: n.name, label: eventName(n.name), note: number(n.count) }))}
    />
  );
  const op = <Select size="small" popupMatchSelectWidth={false} disabled={readOnly} aria-label={t("rule.opLabel")} data-testid="rule-op" status={"op" in problems ? "error" : ""} value={leaf.op ?? "at_least"} onChange={(value) => onChange({ op: value })} options={countOps.map((value) => ({ value, label: t(`rule.count.${value}`) }))} />;
  const value = (
    <InputNumber
      size="small"
      className="rule-number"
      {...(mode === "count" ? { min: 0, precision: 0 } : {})}
      controls={false}
      disabled={readOnly}
      status={"value" in problems ? "error" : ""}
      aria-label={t("rule.valueLabel")}
      data-testid="rule-value"
      value={typeof leaf.value === "number" ? leaf.value : null}
      onChange={(next) => onChange({ value: next ?? "" })}
    />
  );
  const window = <WindowControls window={leaf.window} invalid={"window" in problems || "window.last" in problems} onChange={(next) => onChange({ window: next })} />;
  const property = <PickName disabled={readOnly} invalid={"property" in problems} label={t("rule.propertyLabel")} placeholder={t("rule.propertyHint")} testid="rule-property" value={leaf.property ?? ""} onChange={(name) => onChange({ property: name })} options={properties.filter((p) => p.types.includes("number") || p.types.length === 0).map((p) => ({ value: p.name, label: p.name, note: p.examples.slice(0, 2).join(", ") }))} />;
  const how = <Select size="small" popupMatchSelectWidth={false} disabled={readOnly} aria-label={t("rule.modeLabel")} data-testid="rule-mode" value={mode} onChange={(next) => onChange(inMode(next, leaf))} options={modes.map((m) => ({ value: m, label: t(`rule.mode.${m}`) }))} />;
  const slots = { event: open("event"), op: open("op"), value: open("value"), window: open("window"), how: open("how"), property: open("property") };
  const template = mode === "sum" ? t("rule.form.sum", slots) : mode === "never" ? t("rule.form.never", { event: slots.event, window: slots.window, how: slots.how }) : t("rule.form.count", { event: slots.event, window: slots.window, how: slots.how, op: slots.op, value: slots.value });
  return (
    <>
      <div className="rule-line">
        <Sentence template={template} slots={{ event, op, value, window, property, how }} />
      </div>
      <FilterRows filters={leaf.where ?? []} properties={properties} problems={problems} readOnly={readOnly} onChange={(where) => onChange({ where: where.length > 0 ? where : undefined })} />
    </>
  );
}
