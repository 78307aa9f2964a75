import { AccountsIcon, EmailIcon, WebchatIcon, WechatIcon } from "@/ui";
import { channelName, isKnown } from "./channels";
import "./channels.css";

const icons = { webchat: WebchatIcon, wechat: WechatIcon, email: EmailIcon };

interface Props {
  channel: string;
  /** A neighbouring text already says which channel it is. */
  silent?: boolean;
}

/** A channel's mark in its colour. */
export function ChannelIcon({ channel, silent }: Props) {
  const Icon = isKnown(channel) ? icons[channel] : AccountsIcon;
  const name = channelName(channel);
  return (
    <span className="channel-icon" data-channel={channel} {...(silent ? { "aria-hidden": true } : { role: "img", "aria-label": name, title: name })}>
      <Icon />
    </span>
  );
}
