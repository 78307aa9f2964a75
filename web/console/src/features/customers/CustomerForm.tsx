import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import type { Customer } from "@/api/types";
import { fieldProblems } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { Button, DeleteIcon, Field, FormProblem, IconButton, Input, PlusIcon, Section, Select, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import { attributeText, parseAttribute } from "./attributes";

interface Row {
  key: number;
  name: string;
  value: string;
}

interface Values {
  name: string;
  locale: string;
  timezone: string;
  rows: Row[];
}

let serial = 0;
const row = (name: string, value: string): Row => ({ key: ++serial, name, value });

function valuesOf(customer: Customer): Values {
  return {
    name: customer.name ?? "",
    locale: customer.locale ?? "",
    timezone: customer.timezone ?? "",
    rows: Object.entries(customer.attributes).map(([name, value]) => row(name, attributeText(value))),
  };
}

/** The rows as an object; untouched values keep their exact type. */
function attributesOf(rows: Row[], before: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const { name, value } of rows) {
    const key = name.trim();
    if (!key) continue;
    out[key] = key in before && attributeText(before[key]) === value ? before[key] : parseAttribute(value);
  }
  return out;
}

function AttributeRows({ rows, onChange }: { rows: Row[]; onChange: (rows: Row[]) => void }) {
  const { t } = useTranslation();
  const set = (key: number, patch: Partial<Row>) => onChange(rows.map((r) => (r.key === key ? { ...r, ...patch } : r)));
  return (
    <div className="attribute-rows">
      {rows.map((r) => (
        <div className="attribute-row" key={r.key} data-testid="attribute-row">
          <Input aria-label={t("customers.attributeName")} placeholder={t("customers.attributeName")} value={r.name} onChange={(e) => set(r.key, { name: e.target.value })} />
          <Input aria-label={`${t("customers.attributeValue")}: ${r.name}`} placeholder={t("customers.attributeValue")} value={r.value} onChange={(e) => set(r.key, { value: e.target.value })} />
          <IconButton label={t("customers.removeAttribute", { name: r.name })} icon={<DeleteIcon />} onClick={() => onChange(rows.filter((x) => x.key !== r.key))} />
        </div>
      ))}
      <div>
        <Button icon={<PlusIcon />} data-testid="add-attribute" onClick={() => onChange([...rows, row("", "")])}>
          {t("customers.addAttribute")}
        </Button>
      </div>
    </div>
  );
}

/** A customer's record: name, language, time zone, attributes. */
export function CustomerForm({ customer, readOnly }: { customer: Customer; readOnly: boolean }) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const [start, setStart] = useState(() => valuesOf(customer));
  const [values, setValues] = useState(start);
  const [duplicate, setDuplicate] = useState<string>();
  const save = useMutation({
    mutationFn: () =>
      api.updateCustomer(customer.id, {
        name: values.name.trim() || null,
        locale: values.locale || null,
        timezone: values.timezone.trim() || null,
        attributes: attributesOf(values.rows, customer.attributes),
      }),
    onSuccess: (saved) => {
      feed.putCustomer(saved);
      const next = valuesOf(saved);
      setStart(next);
      setValues(next);
      toast(t("common.saved"));
    },
  });
  const problems = fieldProblems(save.error);
  const submit = () => {
    const names = values.rows.map((r) => r.name.trim()).filter(Boolean);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    setDuplicate(twice);
    if (!twice) save.mutate();
  };
  const locales = [...new Set(["zh-CN", "en", values.locale].filter(Boolean))];

  return (
    <form
      noValidate
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit();
      }}
    >
      <fieldset disabled={readOnly} style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
        <FormProblem error={save.error} />
        <Section title={t("customers.details")}>
          <Field label={t("panel.name")} error={problems.name}>
            {(ids) => <Input {...ids} data-testid="customer-name" maxLength={200} value={values.name} onChange={(e) => setValues({ ...values, name: e.target.value })} />}
          </Field>
          <Field label={t("panel.locale")} error={problems.locale}>
            {({ id }) => (
              <Select id={id} disabled={readOnly} value={values.locale} onChange={(locale) => setValues({ ...values, locale })} options={[{ value: "", label: t("customers.unsetLocale") }, ...locales.map((value) => ({ value, label: value === "en" || value === "zh-CN" ? t(`locale.${value}`) : value }))]} />
            )}
          </Field>
          <Field label={t("panel.timezone")} help={t("customers.timezoneHelp")} error={problems.timezone}>
            {(ids) => <Input {...ids} value={values.timezone} onChange={(e) => setValues({ ...values, timezone: e.target.value })} />}
          </Field>
        </Section>
        <Section title={t("customers.attributes")}>
          <AttributeRows rows={values.rows} onChange={(rows) => setValues({ ...values, rows })} />
          <div className={duplicate ? "ui-error" : "muted"} style={duplicate ? { color: "var(--danger)" } : { fontSize: 13 }} role={duplicate ? "alert" : undefined}>
            {duplicate ? t("customers.duplicateAttribute", { name: duplicate }) : t("customers.jsonHelp")}
          </div>
        </Section>
      </fieldset>
      <SaveBar dirty={JSON.stringify(values) !== JSON.stringify(start)} busy={save.isPending} onSave={submit} onDiscard={() => setValues(start)} />
    </form>
  );
}
