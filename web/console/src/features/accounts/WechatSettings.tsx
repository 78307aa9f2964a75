import { useTranslation } from "react-i18next";
import type { Account, WechatConfig, WechatMode } from "@/api/types";
import { locales } from "@/i18n";
import { Alert, CopyBlock, Field, Input, Section, Segmented, Select, Switch, TextArea, Toggle } from "@/ui";
import { justEntered, needsKey, newWechat, randomText } from "./connection";
import { ConnectionPage, NewConnection } from "./ConnectionPage";
import { SecretField } from "./SecretField";
import { useConnection, type Connection } from "./useConnection";

const modes: WechatMode[] = ["safe", "compat", "plain"];
/** Lengths that WeChat's page takes. */
const TOKEN = 32;
const KEY = 43;

interface Props {
  connection: Connection<WechatConfig>;
  stored: string[];
}

function Credentials({ connection, stored }: Props) {
  const { t } = useTranslation();
  const { draft, setDraft, setConfig, problems } = connection;
  return (
    <Section title={t("wechat.credentials")}>
      <Field label={t("accounts.name")} help={t("accounts.nameHelp")} error={problems.name}>
        {(ids) => <Input {...ids} data-testid="account-name" maxLength={80} value={draft.name} onChange={(e) => setDraft({ ...draft, name: e.target.value })} />}
      </Field>
      <p className="muted">{t("wechat.credentialsHelp")}</p>
      <Field label="AppID" error={problems["config.app_id"]}>
        {(ids) => <Input {...ids} data-testid="wechat-app-id" placeholder="wx0123456789abcdef" spellCheck={false} value={draft.config.app_id} onChange={(e) => setConfig({ app_id: e.target.value.trim() })} />}
      </Field>
      <SecretField label="AppSecret" name="app_secret" stored={stored.includes("app_secret")} value={draft.secrets.app_secret} error={problems["secrets.app_secret"]} onChange={(value) => connection.setSecret("app_secret", value)} />
    </Section>
  );
}

function Pushes({ connection, stored }: Props) {
  const { t } = useTranslation();
  const { draft, setConfig, setSecret, problems } = connection;
  const { config, secrets } = draft;
  const modeName = (mode: WechatMode) => t(`wechat.mode.${mode}`);
  return (
    <Section title={t("wechat.pushes")}>
      <Field label={t("wechat.modeLabel")} help={t(`wechat.modeHelp.${config.mode}`)} error={problems["config.mode"]}>
        {({ id }) => <Segmented id={id} style={{ justifySelf: "start" }} value={config.mode} onChange={(mode) => setConfig({ mode })} options={modes.map((value) => ({ value, label: modeName(value) }))} />}
      </Field>
      <SecretField label={t("wechat.token")} help={t("wechat.tokenHelp")} name="token" stored={stored.includes("token")} value={secrets.token} error={problems["secrets.token"]} onChange={(value) => setSecret("token", value)} onMake={() => setSecret("token", randomText(TOKEN))} />
      {needsKey(config) && (
        <SecretField label="EncodingAESKey" help={t("wechat.keyHelp")} name="encoding_aes_key" stored={stored.includes("encoding_aes_key")} value={secrets.encoding_aes_key} error={problems["secrets.encoding_aes_key"]} onChange={(value) => setSecret("encoding_aes_key", value)} onMake={() => setSecret("encoding_aes_key", randomText(KEY))} />
      )}
      <details className="more-settings" open={config.previous_mode !== "" || stored.includes("previous_encoding_aes_key")}>
        <summary>{t("wechat.switching")}</summary>
        <p className="muted">{t("wechat.switchingHelp")}</p>
        <Field label={t("wechat.previousMode")} error={problems["config.previous_mode"]}>
          {({ id }) => <Select id={id} style={{ maxWidth: 240 }} value={config.previous_mode} onChange={(previous_mode) => setConfig({ previous_mode })} options={[{ value: "" as const, label: t("wechat.noPrevious") }, ...modes.map((value) => ({ value, label: modeName(value) }))]} />}
        </Field>
        <SecretField label={t("wechat.previousKey")} name="previous_encoding_aes_key" optional stored={stored.includes("previous_encoding_aes_key")} value={secrets.previous_encoding_aes_key} error={problems["secrets.previous_encoding_aes_key"]} onChange={(value) => setSecret("previous_encoding_aes_key", value)} />
      </details>
    </Section>
  );
}

function Followers({ connection }: Pick<Props, "connection">) {
  const { t } = useTranslation();
  const { draft, setConfig, problems } = connection;
  const { config } = draft;
  return (
    <Section title={t("wechat.followers")}>
      <div className="pair">
        {locales.map((locale) => (
          <Field key={locale} label={t("wechat.welcome", { locale: t(`locale.${locale}`) })} error={problems[`config.welcome.${locale}`]} optional={t("common.optional")}>
            {(ids) => <TextArea {...ids} lang={locale} data-testid={`wechat-welcome-${locale}`} maxLength={600} autoSize={{ minRows: 2, maxRows: 6 }} value={config.welcome[locale]} onChange={(e) => setConfig({ welcome: { ...config.welcome, [locale]: e.target.value } })} />}
          </Field>
        ))}
      </div>
      <Field label={t("wechat.defaultLocale")} help={t("wechat.defaultLocaleHelp")} error={problems["config.default_locale"]}>
        {({ id }) => <Select id={id} style={{ maxWidth: 240 }} value={config.default_locale} onChange={(default_locale) => setConfig({ default_locale })} options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))} />}
      </Field>
      <Toggle label={t("wechat.erase")} help={t("wechat.eraseHelp")}>
        {({ id }) => <Switch id={id} data-testid="wechat-erase" checked={config.erase_on_unsubscribe} onChange={(erase_on_unsubscribe) => setConfig({ erase_on_unsubscribe })} />}
      </Toggle>
      <details className="more-settings">
        <summary>{t("wechat.advanced")}</summary>
        <Field label={t("wechat.apiBase")} help={t("wechat.apiBaseHelp")} error={problems["config.api_base"]}>
          {(ids) => <Input {...ids} spellCheck={false} value={config.api_base} onChange={(e) => setConfig({ api_base: e.target.value.trim() })} />}
        </Field>
        <Field label={t("wechat.openPlatform")} help={t("wechat.openPlatformHelp")} error={problems["config.open_platform"]} optional={t("common.optional")}>
          {(ids) => <Input {...ids} spellCheck={false} value={config.open_platform} onChange={(e) => setConfig({ open_platform: e.target.value.trim() })} />}
        </Field>
      </details>
    </Section>
  );
}

function Fields(props: Props) {
  return (
    <>
      <Credentials {...props} />
      <Pushes {...props} />
      <Followers connection={props.connection} />
    </>
  );
}

/** WeChat calls only public addresses over ports 80 and 443. */
function reachable(origin: string): boolean {
  const { hostname, port } = new URL(origin);
  return port === "" && hostname.includes(".") && !/^(127\.|10\.|192\.168\.|169\.254\.)/.test(hostname);
}

/** What to enter on WeChat's own page, so that it finds this account. */
function OtherSide({ account, mode }: { account: Account; mode: WechatMode }) {
  const { t } = useTranslation();
  const entered = justEntered.get(account.id) ?? {};
  const { origin } = window.location;
  return (
    <Section title={t("wechat.otherSide")}>
      <p className="muted">{t("wechat.otherSideHelp")}</p>
      <div className="ui-field">
        <span className="ui-label">{t("wechat.url")}</span>
        <div data-testid="wechat-url">
          <CopyBlock text={`${origin}/channels/wechat/${account.key}`} label={t("wechat.url")} />
        </div>
      </div>
      {!account.sandbox && !reachable(origin) && <Alert tone="warn">{t("wechat.notPublic", { origin })}</Alert>}
      {(["token", "encoding_aes_key"] as const).map((name) => {
        if (name === "encoding_aes_key" && mode === "plain") return null;
        const label = name === "token" ? t("wechat.token") : "EncodingAESKey";
        return (
          <div className="ui-field" key={name}>
            <span className="ui-label">{label}</span>
            {entered[name] ? <CopyBlock text={entered[name]} label={label} /> : <p className="muted">{t("wechat.sameAsEntered")}</p>}
          </div>
        );
      })}
      <div className="ui-field">
        <span className="ui-label">{t("wechat.modeLabel")}</span>
        <p>{t(`wechat.mode.${mode}`)}</p>
      </div>
    </Section>
  );
}

/** Connects a WeChat account. */
export function NewWechat() {
  const connection = useConnection({ channel: "wechat", fresh: newWechat() });
  return (
    <NewConnection connection={connection} channel="wechat">
      <Fields connection={connection} stored={[]} />
    </NewConnection>
  );
}

/** A connected WeChat account. */
export function WechatSettings({ account }: { account: Account }) {
  const connection = useConnection({ channel: "wechat", fresh: newWechat(), account });
  return (
    <ConnectionPage connection={connection} channel="wechat" account={account} below={<OtherSide account={account} mode={connection.draft.config.mode} />}>
      <Fields connection={connection} stored={account.secrets} />
    </ConnectionPage>
  );
}
