import { lazy, Suspense, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { InputNumber, Select } from "@/ui";
import { durationUnits, parseDuration, type DurationUnit } from "./duration";

const DateTimeInput = lazy(() => import("@/ui/date-time"));

interface PickProps {
  value: string;
  onChange: (value: string) => void;
  options: { value: string; label: string; note?: ReactNode }[];
  label: string;
  placeholder: string;
  testid?: string;
  disabled?: boolean;
  invalid?: boolean;
  autoFocus?: boolean;
}

/** Chooses a name from those that were observed, or takes a new one as it is typed. */
export function PickName({ value, onChange, options, label, placeholder, testid, disabled = false, invalid = false, autoFocus = false }: PickProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const wanted = typed.trim();
  const known = (name: string) => options.some((o) => o.value === name || o.label === name);
  const shown = options.map((o) => ({ value: o.value, label: o.label, note: o.note }));
  if (value && !options.some((o) => o.value === value)) shown.unshift({ value, label: value, note: undefined });
  if (wanted && !known(wanted) && wanted !== value) shown.push({ value: wanted, label: wanted, note: t("rule.newName") });
  const choose = (next: string) => {
    setTyped("");
    if (next !== value) onChange(next);
  };
  return (
    <Select
      size="small"
      className="rule-name"
      autoFocus={autoFocus}
      disabled={disabled}
      status={invalid ? "error" : ""}
      aria-label={label}
      placeholder={placeholder}
      data-testid={testid}
      popupMatchSelectWidth={false}
      notFoundContent={t("rule.typeName")}
      showSearch={{
        searchValue: typed,
        onSearch: setTyped,
        filterOption: (input, option) => `${option?.label ?? ""} ${option?.value ?? ""}`.toLowerCase().includes(input.trim().toLowerCase()),
      }}
      {...(value ? { value } : { value: null })}
      onChange={(next: string | null) => next && choose(next)}
      // What was typed and left is meant, too.
      onBlur={() => wanted && choose(options.find((o) => o.label === wanted)?.value ?? wanted)}
      optionRender={(option) => (
        <span className="rule-option">
          {option.label}
          {option.data.note !== undefined && <small>{option.data.note}</small>}
        </span>
      )}
      options={shown}
    />
  );
}

interface DurationProps {
  value: string | undefined;
  onChange: (value: string) => void;
  label: string;
  disabled?: boolean;
  invalid?: boolean;
}

/** A length of time in one unit. */
export function DurationInput({ value, onChange, label, disabled = false, invalid = false }: DurationProps) {
  const { t } = useTranslation();
  const { count, unit } = parseDuration(value) ?? { count: 30, unit: "d" as DurationUnit };
  return (
    <span className="rule-duration">
      <InputNumber size="small" min={1} max={9999} precision={0} controls={false} disabled={disabled} status={invalid ? "error" : ""} aria-label={label} data-testid="rule-duration" value={count} onChange={(next) => typeof next === "number" && onChange(`${next}${unit}`)} />
      <Select size="small" popupMatchSelectWidth={false} disabled={disabled} aria-label={t("rule.unitLabel")} data-testid="rule-unit" value={unit} onChange={(next: DurationUnit) => onChange(`${count}${next}`)} options={(unit === "s" ? ["s" as const, ...durationUnits] : durationUnits).map((u) => ({ value: u, label: t(`rule.unit.${u}`, { count }) }))} />
    </span>
  );
}

interface InstantProps {
  value: unknown;
  onChange: (value: string) => void;
  label: string;
  disabled?: boolean;
  invalid?: boolean;
}

/** An instant, shown and chosen in the reader's zone, kept in UTC. */
export function InstantInput({ value, onChange, label, disabled = false, invalid = false }: InstantProps) {
  const at = typeof value === "string" && !Number.isNaN(Date.parse(value)) ? new Date(value) : null;
  return (
    <span className="rule-instant">
      <Suspense fallback={null}>
        <DateTimeInput small label={label} disabled={disabled} status={invalid ? "error" : ""} value={at} onChange={(next) => onChange(next ? next.toISOString() : "")} />
      </Suspense>
    </span>
  );
}
