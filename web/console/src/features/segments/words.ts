import type { SegmentUser } from "@/api/segments";
import { i18n } from "@/i18n";
import { number } from "@/i18n/format";

/** A share of people in words; small ones keep a decimal, and some are never "0 %". */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "–";
  const share = (part / whole) * 100;
  const shown = share > 0 && share < 0.1 ? 0.1 : share < 10 ? Math.round(share * 10) / 10 : Math.round(share);
  const text = i18n.t("segments.percent", { value: number(shown) });
  return share > 0 && share < 0.1 ? `< ${text}` : text;
}

/** Who needs a segment: "Journey “Invite”, stage “Member”". */
export function usersText(users: SegmentUser[]): string {
  return users.map((user) => i18n.t(`segments.user.${user.kind}`, { name: user.name })).join(i18n.t("rule.comma"));
}

const reasons = ["event", "time", "profile", "merge", "erase", "definition"] as const;

/** Why somebody entered or left, in words. */
export function reasonText(reason: string): string {
  const known = reasons.find((r) => r === reason);
  return known ? i18n.t(`segments.reason.${known}`) : reason;
}
