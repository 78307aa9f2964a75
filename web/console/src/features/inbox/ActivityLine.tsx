import { useTranslation } from "react-i18next";
import type { Message } from "@/api/types";
import { useMe } from "@/features/session/me";
import { clock, full } from "@/i18n/format";
import { FollowIcon, JourneysIcon, MenuTapIcon, ScanIcon, UnfollowIcon } from "@/ui";
import { activityText } from "./activity";

/** What somebody did on a channel, and what a journey asked, is marked, so that it stands out among our own acts. */
const icons: Record<string, typeof FollowIcon> = {
  wechat_followed: FollowIcon,
  wechat_unfollowed: UnfollowIcon,
  wechat_scanned: ScanIcon,
  wechat_menu: MenuTapIcon,
  journey_message: JourneysIcon,
};

/** Something that happened to the conversation, as one quiet line. */
export function ActivityLine({ message }: { message: Message }) {
  const { t } = useTranslation();
  const me = useMe();
  const { activity } = message;
  const Icon = activity && Object.hasOwn(icons, activity.code) ? icons[activity.code] : undefined;
  const words = activity ? (activityText(activity, me.id) ?? t("activity.other", { code: activity.code })) : message.body;
  return (
    <div className="activity" data-testid="message" data-seq={message.seq} data-direction={message.direction} data-kind="activity" data-activity={activity?.code}>
      {Icon && <Icon />} {words}{" "}
      <time dateTime={message.created_at} title={full(message.created_at)}>
        {clock(message.created_at)}
      </time>
    </div>
  );
}
