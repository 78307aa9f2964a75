import type { Merge } from "@/api/types";
import { i18n } from "@/i18n";
import { customerName } from "./name";

const kinds = ["manual", "identify", "bind", "unionid", "email"] as const;

/** A merge as a sentence: who became part of whom, and why. */
export function mergeWords(merge: Merge): string {
  const known = kinds.find((kind) => kind === merge.kind);
  const params = { by: merge.actor.name ?? i18n.t("activity.somebody"), name: customerName(merge.absorbed), kind: merge.kind };
  return known ? i18n.t(`merge.kind.${known}`, params) : i18n.t("merge.kind.other", params);
}

const fields = ["name", "locale", "timezone"] as const;

/** What a field of a merge is called. */
export function fieldWords(field: string): string {
  const known = fields.find((name) => name === field);
  return known ? i18n.t(`panel.${known}`) : field.replace(/^attributes\./, "");
}

const objections = ["two_known_people", "same_channel_account", "undone_before", "names_differ"] as const;

/** What speaks against a merge, as a sentence. */
export function objectionWords(code: string, params: Record<string, unknown>): string {
  const known = objections.find((name) => name === code);
  return known ? i18n.t(`merge.objection.${known}`, { survivor: String(params.survivor ?? ""), absorbed: String(params.absorbed ?? "") }) : code;
}
