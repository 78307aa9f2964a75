import { useTranslation } from "react-i18next";
import type { Comparison as Op } from "@/api/rule";
import { AutoComplete, InputNumber, Select } from "@/ui";
import { DurationInput, InstantInput } from "./fields";
import { against, asNumber, numberOps, opsFor, textOps, withOp, type ValueType } from "./leaf";

interface Compared {
  op?: Op;
  value?: unknown;
  values?: unknown[];
  duration?: string;
}

interface Props {
  held: Compared;
  types: ValueType[];
  examples: readonly unknown[];
  /** The only comparisons that are possible here; all that suit the types when nothing is said. */
  only?: Op[];
  disabled: boolean;
  problems: Record<string, string>;
  onChange: (patch: Compared) => void;
}

/** Observed values as one types them, each once. */
const texts = (examples: readonly unknown[]): string[] => [...new Set(examples.map(String))];

type Written = "text" | "number" | "boolean";
const written: Written[] = ["text", "number", "boolean"];

/** As what a value is written; the rule never takes a text for a number. */
function writtenAs(value: unknown, types: ValueType[]): Written {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  if (value !== undefined && value !== "") return "text";
  const only = types.length === 1 ? types[0] : undefined;
  return only === "number" || only === "boolean" ? only : "text";
}

function OneValue({ held, types, examples, disabled, invalid, onChange }: Omit<Props, "problems" | "only"> & { invalid: boolean }) {
  const { t } = useTranslation();
  const op = held.op ?? "equals";
  const forced = numberOps.includes(op) ? "number" : textOps.includes(op) ? "text" : null;
  const as = forced ?? writtenAs(held.value, types);
  const status = invalid ? ("error" as const) : ("" as const);
  // Where the observed values leave no doubt there is nothing to choose.
  const doubt = !forced && !(types.length === 1 && types[0] === as);
  const rewrite = (to: Written) => onChange({ value: to === "number" ? (asNumber(held.value) ?? 0) : to === "boolean" ? true : held.value === undefined ? "" : String(held.value) });
  return (
    <span className="rule-value">
      {as === "number" ? (
        <InputNumber size="small" controls={false} disabled={disabled} status={status} aria-label={t("rule.valueLabel")} data-testid="rule-value" value={asNumber(held.value) ?? null} onChange={(value) => onChange({ value: value ?? "" })} />
      ) : as === "boolean" ? (
        <Select
          size="small"
          popupMatchSelectWidth={false}
          disabled={disabled}
          aria-label={t("rule.valueLabel")}
          data-testid="rule-value"
          value={held.value !== false}
          onChange={(value) => onChange({ value })}
          options={[
            { value: true, label: t("rule.yes") },
            { value: false, label: t("rule.no") },
          ]}
        />
      ) : (
        <AutoComplete size="small" popupMatchSelectWidth={false} disabled={disabled} status={status} aria-label={t("rule.valueLabel")} placeholder={t("rule.valueHint")} data-testid="rule-value" value={held.value === undefined ? "" : String(held.value)} onChange={(value: string) => onChange({ value })} showSearch={{ filterOption: (input, option) => String(option?.value ?? "").toLowerCase().includes(input.toLowerCase()) }} options={texts(examples).map((value) => ({ value }))} />
      )}
      {doubt && <Select size="small" variant="borderless" className="rule-as" popupMatchSelectWidth={false} disabled={disabled} aria-label={t("rule.asLabel")} title={t("rule.asHelp")} data-testid="rule-as" value={as} onChange={rewrite} options={written.map((value) => ({ value, label: t(`rule.as.${value}`) }))} />}
    </span>
  );
}

function ManyValues({ held, types, examples, disabled, invalid, onChange }: Omit<Props, "problems" | "only"> & { invalid: boolean }) {
  const { t } = useTranslation();
  const numbers = types.length === 1 && types[0] === "number";
  const read = (text: string): unknown => (numbers ? (asNumber(text) ?? text) : text);
  return (
    <Select
      size="small"
      mode="tags"
      className="rule-many"
      disabled={disabled}
      status={invalid ? "error" : ""}
      aria-label={t("rule.valueLabel")}
      placeholder={t("rule.valuesHint")}
      data-testid="rule-values"
      tokenSeparators={[",", "，", "、"]}
      value={(held.values ?? []).map(String)}
      onChange={(next: string[]) => onChange({ values: next.map(read) })}
      options={texts(examples).map((value) => ({ value, label: value }))}
    />
  );
}

/** How something is compared, and with what; offers what was observed. */
export function Comparison({ held, types, examples, only, disabled, problems, onChange }: Props) {
  const { t } = useTranslation();
  const op = held.op ?? "equals";
  const suiting = opsFor(types).flat().filter((o) => !only || only.includes(o));
  const offered = suiting.includes(op) ? suiting : [op, ...suiting];
  const invalid = ["value", "values", "duration"].some((field) => field in problems);
  const kind = against(op);
  const shared = { held, types, examples, disabled, invalid, onChange };
  return (
    <>
      <Select
        size="small"
        popupMatchSelectWidth={false}
        disabled={disabled}
        status={"op" in problems ? "error" : ""}
        aria-label={t("rule.opLabel")}
        data-testid="rule-op"
        listHeight={420}
        value={op}
        onChange={(next: Op) => onChange(withOp(held, next))}
        options={offered.map((value) => ({ value, label: t(`rule.op.${value}`) }))}
      />
      {kind === "one" && <OneValue {...shared} />}
      {kind === "many" && <ManyValues {...shared} />}
      {kind === "length" && <DurationInput label={t("rule.durationLabel")} disabled={disabled} invalid={invalid} value={held.duration} onChange={(duration) => onChange({ duration })} />}
      {kind === "instant" && <InstantInput label={t("rule.instantLabel")} disabled={disabled} invalid={invalid} value={held.value} onChange={(value) => onChange({ value })} />}
    </>
  );
}
