import { useTranslation } from "react-i18next";
import type { Locale, WebchatConfig } from "@/api/types";
import { locales } from "@/i18n";
import { Field, Input, Section, Segmented, Select, Switch, TextArea, Toggle } from "@/ui";
import { ColorInput } from "@/ui/color-input";

export interface AccountValues {
  name: string;
  config: WebchatConfig;
  /** As typed, one address per line. */
  origins: string;
}

interface Props {
  values: AccountValues;
  problems: Record<string, string>;
  /** The sandbox sets its own origins. */
  sandbox?: boolean;
  onChange: (values: AccountValues) => void;
}

/** The settings of a web chat; the same for a new one and an old one. */
export function AccountFields({ values, problems, sandbox, onChange }: Props) {
  const { t } = useTranslation();
  const { config } = values;
  const set = (patch: Partial<WebchatConfig>) => onChange({ ...values, config: { ...config, ...patch } });
  const text = (key: "title" | "greeting", locale: Locale, value: string) => set({ [key]: { ...config[key], [locale]: value } });
  const problem = (key: string) => problems[key] ?? problems[`config.${key}`];
  return (
    <>
      <Section>
        <Field label={t("accounts.name")} help={t("accounts.nameHelp")} error={problem("name")}>
          {(ids) => <Input {...ids} data-testid="account-name" maxLength={80} value={values.name} onChange={(e) => onChange({ ...values, name: e.target.value })} />}
        </Field>
        <Field label={t("accounts.origins")} help={t(sandbox ? "accounts.sandboxOrigins" : "accounts.originsHelp")} error={problem("origins")}>
          {(ids) => (
            <TextArea {...ids} data-testid="account-origins" readOnly={sandbox} autoSize={{ minRows: 2, maxRows: 8 }} spellCheck={false} placeholder="https://shop.example" value={values.origins} onChange={(e) => onChange({ ...values, origins: e.target.value })} />
          )}
        </Field>
      </Section>
      <Section title={t("accounts.texts")}>
        <div className="pair">
          {locales.map((locale) => (
            <Field key={locale} label={t("accounts.titleLabel", { locale: t(`locale.${locale}`) })} error={problem(`title.${locale}`)}>
              {(ids) => <Input {...ids} lang={locale} data-testid={`account-title-${locale}`} maxLength={80} value={config.title[locale]} onChange={(e) => text("title", locale, e.target.value)} />}
            </Field>
          ))}
          {locales.map((locale) => (
            <Field key={locale} label={t("accounts.greetingLabel", { locale: t(`locale.${locale}`) })} error={problem(`greeting.${locale}`)}>
              {(ids) => (
                <TextArea {...ids} lang={locale} data-testid={`account-greeting-${locale}`} maxLength={500} autoSize={{ minRows: 2, maxRows: 6 }} value={config.greeting[locale]} onChange={(e) => text("greeting", locale, e.target.value)} />
              )}
            </Field>
          ))}
        </div>
        <Field label={t("accounts.defaultLocale")}>
          {({ id }) => <Select id={id} style={{ maxWidth: 240 }} value={config.default_locale} onChange={(default_locale) => set({ default_locale })} options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))} />}
        </Field>
      </Section>
      <Section title={t("accounts.look")}>
        <div className="pair">
          <Field label={t("accounts.color")} error={problem("color")}>
            {({ id }) => <ColorInput id={id} value={config.color} onChange={(color) => set({ color })} />}
          </Field>
          <Field label={t("accounts.position")}>
            {({ id }) => (
              <Segmented id={id} style={{ justifySelf: "start" }} value={config.position} onChange={(position) => set({ position })} options={(["left", "right"] as const).map((value) => ({ value, label: t(`accounts.${value}`) }))} />
            )}
          </Field>
        </div>
        <Toggle label={t("accounts.requireIdentity")} help={t("accounts.requireIdentityHelp")}>
          {({ id }) => <Switch id={id} checked={config.require_identity} onChange={(require_identity) => set({ require_identity })} />}
        </Toggle>
      </Section>
    </>
  );
}
