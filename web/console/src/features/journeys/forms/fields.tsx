import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RuleFilter, RuleNode } from "@/api/rule";
import { eventName } from "@/features/customers/events";
import { FilterRows, PickName, RuleEditor, stageName, useEventNames, useStages } from "@/features/segments";
import { number } from "@/i18n/format";
import { Button, CloseIcon, Field, PlusIcon, Select } from "@/ui";
import { weekdayName } from "../schedule";

const noProblems: Record<string, string> = {};

interface EventProps {
  label: string;
  event: string | undefined;
  where: RuleFilter[] | undefined;
  problems: Record<string, string>;
  /** How the API calls the place of the event: "trigger", "wait", "goal". */
  prefix: string;
  readOnly: boolean;
  onChange: (patch: { event?: string; where?: RuleFilter[] }) => void;
}

/** An event and what its properties must be. */
export function EventField({ label, event, where, problems, prefix, readOnly, onChange }: EventProps) {
  const { t } = useTranslation();
  const names = useEventNames();
  const properties = names.find((n) => n.name === event)?.properties ?? [];
  const own = useMemo(() => Object.fromEntries(Object.entries(problems).flatMap(([field, words]) => (field.startsWith(`${prefix}.`) ? [[field.slice(prefix.length + 1), words]] : []))), [prefix, problems]);
  return (
    <div className="ui-field flow-event">
      <span className="ui-label">{label}</span>
      <PickName disabled={readOnly} invalid={"event" in own} label={label} placeholder={t("rule.eventHint")} testid="flow-event" value={event ?? ""} onChange={(name) => onChange({ event: name })} options={names.map((n) => ({ value: n.name, label: eventName(n.name), note: number(n.count) }))} />
      {own.event && <span className="ui-error">{own.event}</span>}
      {event && <FilterRows filters={where ?? []} properties={properties} problems={own} readOnly={readOnly} onChange={(next) => onChange({ where: next })} />}
    </div>
  );
}

interface RuleProps {
  label: string;
  help?: string;
  value: RuleNode | null | undefined;
  problems?: Record<string, string>;
  prefix: string;
  readOnly: boolean;
  onChange: (rule: RuleNode) => void;
  /** Present where there may be no rule at all. */
  onRemove?: () => void;
  /** What the button says that begins one. */
  begin?: string;
}

/** A rule on the person; optional ones begin with a button. */
export function RuleField({ label, help, value, problems = noProblems, prefix, readOnly, onChange, onRemove, begin }: RuleProps) {
  const { t } = useTranslation();
  if (!value && readOnly) return null;
  if (!value) {
    return (
      <div className="ui-field">
        <span className="ui-label">{label}</span>
        {help && <span className="ui-help">{help}</span>}
        <Button size="small" icon={<PlusIcon />} style={{ justifySelf: "start" }} data-testid={`rule-begin-${prefix.replaceAll(".", "-")}`} onClick={() => onChange({ kind: "all", of: [] })}>
          {begin ?? t("journeys.addRule")}
        </Button>
      </div>
    );
  }
  return (
    <div className="ui-field">
      <span className="ui-label flow-between">
        {label}
        {onRemove && !readOnly && (
          <Button size="small" type="text" icon={<CloseIcon />} onClick={onRemove}>
            {t("journeys.removeRule")}
          </Button>
        )}
      </span>
      {help && <span className="ui-help">{help}</span>}
      <RuleEditor value={value} onChange={onChange} problems={problems} prefix={prefix} readOnly={readOnly} />
      {problems[prefix] && <span className="ui-error">{problems[prefix]}</span>}
    </div>
  );
}

interface StagesProps {
  label: string;
  value: readonly string[] | undefined;
  error?: string | undefined;
  readOnly: boolean;
  onChange: (keys: string[]) => void;
}

/** Some stages; none means any. */
export function StagesField({ label, value, error, readOnly, onChange }: StagesProps) {
  const { t } = useTranslation();
  const stages = useStages();
  return (
    <Field label={label} error={error}>
      {({ id, status }) => (
        <Select id={id} mode="multiple" status={status ?? ""} disabled={readOnly} placeholder={t("journeys.anyStage")} value={[...(value ?? [])]} onChange={onChange} options={stages.map((s) => ({ value: s.key, label: stageName(s) }))} showSearch={{ optionFilterProp: "label" }} />
      )}
    </Field>
  );
}

/** Zones that people name; the answer of old browsers is short. */
const zones: string[] = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : ["Asia/Shanghai", "UTC"];

interface ZoneProps {
  value: string | undefined;
  /** What no choice means. */
  none: string;
  error?: string | undefined;
  readOnly: boolean;
  onChange: (zone: string) => void;
}

/** An IANA zone, or none. */
export function ZoneField({ value, none, error, readOnly, onChange }: ZoneProps) {
  const { t } = useTranslation();
  const options = useMemo(() => [{ value: "", label: none }, ...zones.map((zone) => ({ value: zone, label: zone }))], [none]);
  return (
    <Field label={t("journeys.zone")} error={error}>
      {({ id, status }) => <Select id={id} status={status ?? ""} disabled={readOnly} value={value ?? ""} onChange={onChange} options={options} showSearch={{ optionFilterProp: "label" }} />}
    </Field>
  );
}

interface DaysProps {
  value: readonly number[] | undefined;
  readOnly: boolean;
  onChange: (days: number[]) => void;
}

/** Days of the week; none means every day. */
export function WeekdaysField({ value, readOnly, onChange }: DaysProps) {
  const { t } = useTranslation();
  const chosen = new Set(value ?? []);
  const toggle = (day: number) => {
    const next = new Set(chosen);
    if (!next.delete(day)) next.add(day);
    onChange([...next].sort());
  };
  return (
    <div className="ui-field">
      <span className="ui-label">{t("journeys.weekdays")}</span>
      <span className="flow-days" role="group" aria-label={t("journeys.weekdays")}>
        {[1, 2, 3, 4, 5, 6, 7].map((day) => (
          <Button key={day} size="small" type={chosen.has(day) ? "primary" : "default"} aria-pressed={chosen.has(day)} disabled={readOnly} onClick={() => toggle(day)}>
            {weekdayName(day)}
          </Button>
        ))}
      </span>
      <span className="ui-help">{t("journeys.weekdaysHelp")}</span>
    </div>
  );
}
