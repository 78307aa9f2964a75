import { useTranslation } from "react-i18next";
import type { ObservedName } from "@/api/behaviour";
import type { RuleFilter } from "@/api/rule";
import { Button, CloseIcon, IconButton, PlusIcon } from "@/ui";
import { Comparison } from "./Comparison";
import { PickName } from "./fields";
import { changeFilter, lastingOps, typesOf } from "./leaf";
import "./rules.css";

interface Props {
  filters: RuleFilter[];
  /** What was observed of the event's properties. */
  properties: ObservedName[];
  /** Sentences by field: "where[0].value". */
  problems?: Record<string, string>;
  readOnly?: boolean;
  /** Only comparisons whose answer time does not change. */
  lasting?: boolean;
  onChange: (filters: RuleFilter[]) => void;
}

/** What the properties of an event must be, a line each; also for the triggers and waits of journeys. */
export function FilterRows({ filters, properties, problems = {}, readOnly = false, lasting = false, onChange }: Props) {
  const { t } = useTranslation();
  const set = (index: number, patch: Partial<RuleFilter>) => onChange(filters.map((f, i) => (i === index ? changeFilter(f, patch) : f)));
  const choose = (index: number, name: string) => {
    const types = typesOf(properties.find((p) => p.name === name)?.types ?? []);
    const held = filters[index]!;
    // A number is mostly asked for "at least", as long as nothing was said yet.
    set(index, { property: name, ...(types.join() === "number" && held.op === "equals" && (held.value === undefined || held.value === "") ? { op: "at_least" as const } : {}) });
  };
  return (
    <>
      {filters.map((filter, i) => {
        const observed = properties.find((p) => p.name === filter.property);
        const own = Object.fromEntries(Object.entries(problems).flatMap(([field, words]) => (field.startsWith(`where[${i}].`) ? [[field.slice(`where[${i}].`.length), words]] : [])));
        return (
          <div className="rule-line rule-filter" key={i} data-testid="rule-filter">
            <span>{t(i === 0 ? "rule.whereWord" : "rule.andWord")}</span>
            <PickName disabled={readOnly} invalid={"property" in own} autoFocus={filter.property === ""} label={t("rule.propertyLabel")} placeholder={t("rule.propertyHint")} testid="rule-property" value={filter.property} onChange={(name) => choose(i, name)} options={properties.map((p) => ({ value: p.name, label: p.name, note: p.examples.slice(0, 2).join(", ") }))} />
            <Comparison held={filter} types={typesOf(observed?.types ?? [])} examples={observed?.examples ?? []} {...(lasting ? { only: lastingOps } : {})} disabled={readOnly} problems={own} onChange={(patch) => set(i, patch)} />
            {!readOnly && <IconButton size="small" label={t("rule.removeFilter")} icon={<CloseIcon />} onClick={() => onChange(filters.filter((_, k) => k !== i))} />}
          </div>
        );
      })}
      {!readOnly && (
        <Button size="small" type="link" icon={<PlusIcon />} className="rule-add-filter" data-testid="add-filter" onClick={() => onChange([...filters, { property: "", op: "equals", value: "" }])}>
          {t(filters.length > 0 ? "rule.addFilterMore" : "rule.addFilter")}
        </Button>
      )}
    </>
  );
}
