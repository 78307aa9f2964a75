import { useTranslation } from "react-i18next";
import { Button, CopyButton, Field, PasswordInput, Tag } from "@/ui";

interface Props {
  label: string;
  help?: string;
  name: string;
  /** One is stored; it is never shown. */
  stored: boolean;
  /** What was typed; undefined leaves the stored one alone. */
  value: string | undefined;
  error?: string | undefined;
  optional?: boolean;
  onChange: (value: string | undefined) => void;
  /** Makes a random one that both sides can use. */
  onMake?: () => void;
}

/** A credential that is written and never read back: set, or replaced. */
export function SecretField({ label, help, name, stored, value, error, optional, onChange, onMake }: Props) {
  const { t } = useTranslation();
  if (stored && value === undefined) {
    return (
      <div className="ui-field">
        <span className="ui-label">{label}</span>
        <div className="secret-set" data-testid={`secret-${name}`} data-set="">
          <Tag tone="ok">{t("accounts.secretSet")}</Tag>
          <Button size="small" onClick={() => onChange("")}>
            {t("accounts.secretReplaceAct")}
          </Button>
        </div>
        {error ? (
          <div className="ui-error" role="alert">
            {error}
          </div>
        ) : (
          help && <div className="ui-help">{help}</div>
        )}
      </div>
    );
  }
  return (
    <Field label={label} {...(help ? { help } : {})} error={error} {...(optional ? { optional: t("common.optional") } : {})}>
      {(ids) => (
        <div className="secret-row">
          <PasswordInput {...ids} data-testid={`secret-${name}`} autoComplete="new-password" spellCheck={false} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" && !stored ? undefined : event.target.value)} />
          {value ? <CopyButton text={value} label={label} /> : null}
          {onMake && (
            <Button onClick={onMake} data-testid={`make-${name}`}>
              {t("accounts.secretMake")}
            </Button>
          )}
          {stored && (
            <Button type="text" onClick={() => onChange(undefined)}>
              {t("accounts.secretKeep")}
            </Button>
          )}
        </div>
      )}
    </Field>
  );
}
