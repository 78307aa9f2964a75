import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import type { Customer, CustomerPatch } from "@/api/types";
import { fieldProblems } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { Button, DeleteIcon, Field, FormProblem, IconButton, Input, PlusIcon, ReadOnly, Section, Select, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import { attributeText, changedAttributes } from "./attributes";

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

/** A record as the form shows it; rows that were shown before stay the same rows. */
function valuesOf(customer: Customer, shown: Row[] = []): Values {
  return {
    name: customer.name ?? "",
    locale: customer.locale ?? "",
    timezone: customer.timezone ?? "",
    rows: Object.entries(customer.attributes).map(([name, value]) => ({ ...(shown.find((r) => r.name === name) ?? row(name, "")), value: attributeText(value) })),
  };
}

const textOf = ({ rows, ...rest }: Values): string => JSON.stringify([rest, rows.map(({ name, value }) => [name, value])]);
const same = (a: Values, b: Values): boolean => textOf(a) === textOf(b);

/** Only what was changed here: what came in meanwhile stays. */
function patchOf(start: Values, values: Values): CustomerPatch {
  const name = values.name.trim();
  const timezone = values.timezone.trim();
  const attributes = changedAttributes(start.rows, values.rows);
  return {
    ...(name === start.name ? {} : { name: name || null }),
    ...(values.locale === start.locale ? {} : { locale: values.locale || null }),
    ...(timezone === start.timezone ? {} : { timezone: timezone || null }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
  };
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
    mutationFn: () => api.updateCustomer(customer.id, patchOf(start, values)),
    onSuccess: (saved) => {
      feed.putCustomer(saved);
      const next = valuesOf(saved, values.rows);
      setStart(next);
      setValues(next);
      toast(t("common.saved"));
    },
  });
  const dirty = !same(values, start);
  useEffect(() => {
    // What a teammate or the person's own acts have changed shows, unless somebody is writing here.
    const next = valuesOf(customer, start.rows);
    if (dirty || same(next, start)) return;
    setStart(next);
    setValues(next);
  }, [customer, dirty, start]);
  const discard = () => {
    const next = valuesOf(customer, start.rows);
    setStart(next);
    setValues(next);
    setDuplicate(undefined);
    save.reset();
  };
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
        <ReadOnly when={readOnly}>
          <FormProblem error={save.error} />
          <Section title={t("customers.details")}>
            <Field label={t("panel.name")} error={problems.name}>
              {(ids) => <Input {...ids} data-testid="customer-name" maxLength={200} value={values.name} onChange={(e) => setValues({ ...values, name: e.target.value })} />}
            </Field>
            <Field label={t("panel.locale")} error={problems.locale}>
              {({ id }) => (
                <Select id={id} value={values.locale} onChange={(locale) => setValues({ ...values, locale })} options={[{ value: "", label: t("customers.unsetLocale") }, ...locales.map((value) => ({ value, label: value === "en" || value === "zh-CN" ? t(`locale.${value}`) : value }))]} />
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
        </ReadOnly>
      </fieldset>
      <SaveBar dirty={dirty} busy={save.isPending} onSave={submit} onDiscard={discard} />
    </form>
  );
}
