import { i18n } from "@/i18n";

/** The channels this version knows how to show; others are shown under their own name. */
export const channels = ["webchat", "wechat", "email"] as const;
export type ChannelName = (typeof channels)[number];

export const isKnown = (channel: string): channel is ChannelName => (channels as readonly string[]).includes(channel);

/** A channel's name in the reader's language. */
export function channelName(channel: string): string {
  return isKnown(channel) ? i18n.t(`channel.${channel}`) : channel;
}

/** Channels on which a provider takes the message further, so that every bubble says how far it came. */
export const tellsDelivery = (channel: string): boolean => channel !== "webchat";

/** Channels that allow a reply only for a while after the customer did something. */
export const countsReplies = (channel: string): boolean => channel === "wechat";
