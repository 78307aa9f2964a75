import type { Setup } from "@/api/types";

type Limits = Setup["limits"];

/** What a channel takes of one message where it takes less than the house. */
export interface ChannelLimits extends Limits {
  /** The longest text in bytes of UTF-8. */
  bodyBytes?: number;
  /** The types of files it takes; every type without it. */
  types?: readonly string[];
  /** A text and each file are messages of their own there, and each one counts. */
  apart?: boolean;
}

const megabyte = 1024 * 1024;

const narrower: Record<string, Partial<ChannelLimits>> = {
  wechat: { bodyBytes: 2_048, file_bytes: 2 * megabyte, types: ["image/jpeg", "image/png", "image/gif"], apart: true },
};

/** What one message of a conversation may carry; notes are not bound by the channel. */
export function limitsFor(channel: string, note: boolean, house: Limits): ChannelLimits {
  const own = note ? undefined : narrower[channel];
  if (!own) return house;
  return { ...house, ...own, file_bytes: Math.min(house.file_bytes, own.file_bytes ?? Infinity) };
}

const size = (char: string): number => {
  const code = char.codePointAt(0)!;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
};

/**
 * How many characters still fit; when the text is too long, how many must go,
 * as a negative number. Where a channel counts bytes, what fits is told for
 * characters of the kind the text is made of.
 */
export function room(body: string, limits: Pick<ChannelLimits, "body" | "bodyBytes">): number {
  const chars = [...body];
  const free = limits.body - chars.length;
  if (limits.bodyBytes === undefined) return free;
  let bytes = 0;
  let widest = 1;
  for (const char of chars) {
    bytes += size(char);
    widest = Math.max(widest, size(char));
  }
  if (bytes <= limits.bodyBytes) return Math.min(free, Math.floor((limits.bodyBytes - bytes) / widest));
  let over = 0;
  for (let i = chars.length - 1; bytes > limits.bodyBytes; i--) {
    bytes -= size(chars[i]!);
    over++;
  }
  return Math.min(free, -over);
}

/** How many of the channel's messages a text with files makes. */
export function messagesIn(body: string, files: number, limits: Pick<ChannelLimits, "apart">): number {
  return limits.apart ? (body.trim() === "" ? 0 : 1) + files : 1;
}
