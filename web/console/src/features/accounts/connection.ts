import type { Account, AccountWriting, EmailConfig, WechatConfig, WechatMode } from "@/api/types";

/** A channel account's form: what is typed, before it is sent. */
export interface Draft<C> {
  name: string;
  config: C;
  /** Only what was typed now: absent ones stay as they are stored. */
  secrets: Record<string, string>;
}

/** What a new WeChat account starts with. */
export function newWechat(): Draft<WechatConfig> {
  return {
    name: "",
    config: { app_id: "", mode: "safe", previous_mode: "", api_base: "https://api.weixin.qq.com", erase_on_unsubscribe: true, welcome: { en: "", "zh-CN": "" }, default_locale: "zh-CN", open_platform: "" },
    secrets: {},
  };
}

/** What a new mail account starts with. */
export function newEmail(): Draft<EmailConfig> {
  return { name: "", config: { address: "", name: "", domain: "", smtp: { host: "", port: 587, user: "", tls: "starttls" } }, secrets: {} };
}

/** A stored account as its form shows it; keys that an older version did not know take their defaults. */
export function draftOf<C extends object>(account: Account, fresh: Draft<C>): Draft<C> {
  const config = { ...fresh.config, ...(account.config as Partial<C>) };
  if ("smtp" in config && "smtp" in fresh.config) Object.assign(config, { smtp: { ...(fresh.config.smtp as object), ...(config.smtp as object) } });
  return { name: account.name, config, secrets: {} };
}

/** The ports that mail servers use, by how the line is secured. */
export const usualPort = { none: 25, starttls: 587, tls: 465 } as const;

/** The configuration after choosing how the line is secured: a usual port follows, one's own stays. */
export function withTls(config: EmailConfig, tls: EmailConfig["smtp"]["tls"]): EmailConfig {
  const usual = (Object.values(usualPort) as number[]).includes(config.smtp.port) || config.smtp.port === 0;
  return { ...config, smtp: { ...config.smtp, tls, port: usual ? usualPort[tls] : config.smtp.port } };
}

/** Whether pushes in some accepted mode are encrypted, so that a key is needed. */
export function needsKey({ mode, previous_mode }: { mode: WechatMode; previous_mode: WechatMode | "" }): boolean {
  return mode !== "plain" || (previous_mode !== "" && previous_mode !== "plain");
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A random text of letters and digits, as WeChat's page takes them. */
export function randomText(length: number): string {
  let out = "";
  while (out.length < length) {
    // Values past the last whole round would make some letters likelier.
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < 248 && out.length < length) out += letters[byte % letters.length];
    }
  }
  return out;
}

/** What is sent to create or check an account. */
export function writing<C extends object>(channel: string, draft: Draft<C>): AccountWriting {
  return { channel, name: draft.name.trim(), config: draft.config, secrets: draft.secrets };
}

/** Secrets that were just entered, so that WeChat's page can be filled in with the same ones. Never stored. */
export const justEntered = new Map<string, Record<string, string>>();
