import { i18n } from "@/i18n";
import { soon } from "@/i18n/format";
import type { Activity } from "@/api/types";

/** The sentence of an activity; null for one this version does not know. */
export function activityText(activity: Activity, meId: string | null): string | null {
  const p = activity.params as Record<string, string | null | undefined>;
  const t = i18n.t;
  const by = p.by_name || t("activity.somebody");
  switch (activity.code) {
    case "conversation_opened":
      return t("activity.conversation_opened");
    case "assigned": {
      if (p.by_id && p.by_id === p.assignee_id) return t("activity.assignedSelf", { by });
      const to = p.assignee_id && p.assignee_id === meId ? t("inbox.you") : (p.assignee_name ?? "");
      return p.by_name ? t("activity.assigned", { by, to }) : t("activity.assignedAuto", { to });
    }
    case "unassigned":
      return t("activity.unassigned", { by });
    case "team_changed":
      return p.team_name ? t("activity.team_changed", { by, team: p.team_name }) : t("activity.team_cleared", { by });
    case "resolved":
      return t("activity.resolved", { by });
    case "reopened":
      return p.by_name ? t("activity.reopened", { by }) : t("activity.reopenedByCustomer");
    case "snoozed":
      return t("activity.snoozed", { by, until: p.until ? soon(p.until, Date.now()) : "" });
    case "woken":
      return t("activity.woken");
    case "split_off":
      return t("activity.split_off", { number: p.number });
    case "message_moved":
      return t("activity.message_moved", { number: p.number });
    case "erased":
      return t("activity.erased");
    case "journey_message":
      return t("activity.journey_message", { journey: p.journey ?? "", preview: p.preview ?? "" });
    case "wechat_followed":
      return p.scene ? t("activity.wechat_followedBy", { scene: p.scene }) : t("activity.wechat_followed");
    case "wechat_unfollowed":
      return t("activity.wechat_unfollowed");
    case "wechat_scanned":
      return p.scene ? t("activity.wechat_scanned", { scene: p.scene }) : t("activity.wechat_scannedPlain");
    case "wechat_menu":
      return p.key ? t("activity.wechat_menu", { key: p.key }) : t("activity.wechat_menuPlain");
    default:
      return null;
  }
}
