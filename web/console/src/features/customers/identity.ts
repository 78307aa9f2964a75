import type { Identity } from "@/api/types";
import { i18n } from "@/i18n";

const kinds = ["visitor", "anonymous", "external", "email", "phone", "openid", "unionid"] as const;

/** What a kind of identity is called. */
export function identityKind(kind: string): string {
  const known = kinds.find((k) => k === kind);
  return known ? i18n.t(`identityKind.${known}`) : kind;
}

const channels: Record<string, string> = { visitor: "webchat", openid: "wechat", unionid: "wechat", email: "email" };

/** The channel on which a kind of identity reaches somebody; undefined for those that reach nobody by themselves. */
export function channelOfIdentity(kind: string): string | undefined {
  return channels[kind];
}

/** Made by machines: nobody reads them, so only their ends are shown. */
const machineMade = new Set(["visitor", "openid", "unionid"]);
const ENDS = 4;

/** An identity's value as people want to see it; the whole one can be copied. */
export function shortValue({ kind, value }: Pick<Identity, "value"> & { kind: string }): string {
  const chars = [...value];
  if (!machineMade.has(kind) || chars.length <= 3 * ENDS) return value;
  return `${chars.slice(0, ENDS).join("")}…${chars.slice(-ENDS).join("")}`;
}
