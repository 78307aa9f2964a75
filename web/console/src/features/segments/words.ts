import type { SegmentUser } from "@/api/segments";
import { i18n } from "@/i18n";
import { share } from "@/i18n/format";

/** A share of people in words; small ones keep a decimal, and some are never "0%". */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "–";
  const of = part / whole;
  if (of > 0 && of < 0.001) return `< ${share(0.001)}`;
  return share(of < 0.1 ? of : Math.round(of * 100) / 100);
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
