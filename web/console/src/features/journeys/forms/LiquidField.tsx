import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { ObservedName } from "@/api/behaviour";
import { useAttributeNames, useEventNames } from "@/features/segments";
import { Dropdown, Field, Input, TextArea, VariableIcon, type MenuProps } from "@/ui";

/** The longest template the server takes. */
const LONGEST = 20_000;

interface Props {
  label: string;
  value: string;
  error?: string | undefined;
  help?: string;
  /** One line, or a text of many. */
  lines?: boolean;
  /** The event that began the journey, whose properties may be named. */
  event?: string | undefined;
  placeholder?: string;
  readOnly: boolean;
  testid: string;
  onChange: (text: string) => void;
}

/** How an attribute is named in Liquid. */
const member = (of: string, name: string): string => (/^[A-Za-z_][\w-]*$/.test(name) ? `${of}.${name}` : `${of}["${name.replaceAll('"', "")}"]`);

/** How something that was seen is written: a list with what stands between its entries. */
const shown = (of: string, { name, types }: ObservedName): string => member(of, name) + (types.includes("list") ? ' | join: ", "' : "");

function useVariables(event: string | undefined): NonNullable<MenuProps["items"]> {
  const { t } = useTranslation();
  const attributes = useAttributeNames().filter((a) => !a.name.startsWith("$"));
  const properties = useEventNames().find((n) => n.name === event)?.properties ?? [];
  const item = (expression: string, label: string) => ({ key: expression, label, extra: <code>{expression}</code> });
  return [
    {
      key: "customer",
      type: "group",
      label: t("journeys.vars.customer"),
      children: [item('customer.name | default: "…"', t("journeys.vars.name")), item("customer.stage", t("journeys.vars.stage")), item("customer.locale", t("journeys.vars.locale")), ...attributes.slice(0, 40).map((a) => item(shown("customer.attributes", a), a.name))],
    },
    ...(event ? [{ key: "event", type: "group" as const, label: t("journeys.vars.event"), children: [item("event.name", t("journeys.vars.eventName")), ...properties.slice(0, 40).map((p) => item(shown("event.properties", p), p.name))] }] : []),
    { key: "other", type: "group", label: t("journeys.vars.other"), children: [item("journey.name", t("journeys.vars.journey")), item('now | date: "%Y-%m-%d"', t("journeys.vars.now"))] },
  ];
}

/** A Liquid text, with what may be named in it at hand. */
export function LiquidField({ label, value, error, help, lines = false, event, placeholder, readOnly, testid, onChange }: Props) {
  const { t } = useTranslation();
  const items = useVariables(event);
  const frame = useRef<HTMLDivElement>(null);
  const caret = useRef<[number, number]>([value.length, value.length]);
  const field = () => frame.current?.querySelector<HTMLTextAreaElement | HTMLInputElement>("textarea, input") ?? null;
  const note = () => {
    const at = field();
    if (at) caret.current = [at.selectionStart ?? value.length, at.selectionEnd ?? value.length];
  };
  const insert = (expression: string) => {
    const [from, to] = caret.current;
    const text = `{{ ${expression} }}`;
    onChange(value.slice(0, from) + text + value.slice(to));
    const after = from + text.length;
    caret.current = [after, after];
    setTimeout(() => {
      const at = field();
      at?.focus();
      at?.setSelectionRange(after, after);
    }, 0);
  };
  const shared = { value, disabled: readOnly, maxLength: LONGEST, "data-testid": testid, onSelect: note, onBlur: note, ...(placeholder ? { placeholder } : {}) };
  return (
    <div className="flow-liquid" ref={frame}>
      {!readOnly && (
        <Dropdown trigger={["click"]} placement="bottomRight" autoFocus menu={{ items, onClick: ({ key }) => insert(key), className: "flow-vars" }}>
          <button type="button" className="ui-plain flow-var" data-testid={`${testid}-insert`}>
            <VariableIcon /> {t("journeys.insert")}
          </button>
        </Dropdown>
      )}
      <Field label={label} error={error} help={help}>
        {(ids) =>
          lines ? (
            <TextArea {...ids} {...shared} autoSize={{ minRows: 5, maxRows: 18 }} onChange={(e) => onChange(e.target.value)} />
          ) : (
            <Input {...ids} {...shared} onChange={(e) => onChange(e.target.value)} />
          )
        }
      </Field>
    </div>
  );
}
