import { useTranslation } from "react-i18next";
import type { Account, EmailConfig } from "@/api/types";
import { Field, Input, Section, Segmented } from "@/ui";
import { newEmail, usualPort, withTls } from "./connection";
import { ConnectionPage, NewConnection } from "./ConnectionPage";
import { SecretField } from "./SecretField";
import { useConnection, type Connection } from "./useConnection";

const lines = ["starttls", "tls", "none"] as const;

function Fields({ connection, stored }: { connection: Connection<EmailConfig>; stored: string[] }) {
  const { t } = useTranslation();
  const { draft, setDraft, setConfig, problems } = connection;
  const { config } = draft;
  const setSmtp = (patch: Partial<EmailConfig["smtp"]>) => setConfig({ smtp: { ...config.smtp, ...patch } });
  const domain = config.address.split("@")[1] ?? "";
  return (
    <>
      <Section>
        <Field label={t("accounts.name")} help={t("accounts.nameHelp")} error={problems.name}>
          {(ids) => <Input {...ids} data-testid="account-name" maxLength={80} value={draft.name} onChange={(e) => setDraft({ ...draft, name: e.target.value })} />}
        </Field>
        <Field label={t("email.address")} help={t("email.addressHelp")} error={problems["config.address"]}>
          {(ids) => <Input {...ids} type="email" data-testid="email-address" placeholder="support@shop.example" value={config.address} onChange={(e) => setConfig({ address: e.target.value })} />}
        </Field>
        <Field label={t("email.senderName")} help={t("email.senderNameHelp")} error={problems["config.name"]} optional={t("common.optional")}>
          {(ids) => <Input {...ids} maxLength={80} data-testid="email-sender" value={config.name} onChange={(e) => setConfig({ name: e.target.value })} />}
        </Field>
      </Section>
      <Section title={t("email.sending")}>
        <div className="pair">
          <Field label={t("email.host")} error={problems["config.smtp.host"]}>
            {(ids) => <Input {...ids} data-testid="email-host" placeholder="mail.shop.example" spellCheck={false} value={config.smtp.host} onChange={(e) => setSmtp({ host: e.target.value })} />}
          </Field>
          <Field label={t("email.port")} help={t("email.portHelp", { port: usualPort[config.smtp.tls] })} error={problems["config.smtp.port"]}>
            {(ids) => <Input {...ids} inputMode="numeric" data-testid="email-port" value={config.smtp.port === 0 ? "" : String(config.smtp.port)} onChange={(e) => setSmtp({ port: Number(e.target.value.replace(/\D/g, "").slice(0, 5)) })} />}
          </Field>
        </div>
        <Field label={t("email.tls")} help={t(`email.tlsHelp.${config.smtp.tls}`)} error={problems["config.smtp.tls"]}>
          {({ id }) => <Segmented id={id} style={{ justifySelf: "start" }} value={config.smtp.tls} onChange={(tls) => setConfig(withTls(config, tls))} options={lines.map((value) => ({ value, label: t(`email.tlsName.${value}`) }))} />}
        </Field>
        <Field label={t("email.user")} help={t("email.userHelp")} error={problems["config.smtp.user"]} optional={t("common.optional")}>
          {(ids) => <Input {...ids} autoComplete="off" spellCheck={false} data-testid="email-user" value={config.smtp.user} onChange={(e) => setSmtp({ user: e.target.value })} />}
        </Field>
        <SecretField label={t("email.password")} name="smtp_password" stored={stored.includes("smtp_password")} value={draft.secrets.smtp_password} error={problems["secrets.smtp_password"]} onChange={(value) => connection.setSecret("smtp_password", value)} />
      </Section>
      <Section title={t("email.receiving")}>
        <p className="muted">{t("email.receivingHelp")}</p>
        <Field label={t("email.domain")} help={t("email.domainHelp", { domain: config.domain || domain || "shop.example" })} error={problems["config.domain"]} optional={t("common.optional")}>
          {(ids) => <Input {...ids} spellCheck={false} data-testid="email-domain" placeholder={domain || "shop.example"} value={config.domain} onChange={(e) => setConfig({ domain: e.target.value })} />}
        </Field>
      </Section>
    </>
  );
}

/** Connects a mail address. */
export function NewEmail() {
  const connection = useConnection({ channel: "email", fresh: newEmail() });
  return (
    <NewConnection connection={connection} channel="email">
      <Fields connection={connection} stored={[]} />
    </NewConnection>
  );
}

/** A connected mail address. */
export function EmailSettings({ account }: { account: Account }) {
  const connection = useConnection({ channel: "email", fresh: newEmail(), account });
  return (
    <ConnectionPage connection={connection} channel="email" account={account}>
      <Fields connection={connection} stored={account.secrets} />
    </ConnectionPage>
  );
}
