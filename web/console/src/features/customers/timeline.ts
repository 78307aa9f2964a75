import type { MessageSummary, TimelineItem } from "@/api/types";
import { dayKey } from "@/i18n/format";

/** What a timeline shows as one row: a thing that happened, or messages that belong together. */
export type Entry = { key: string; at: string } & ({ kind: "one"; item: Exclude<TimelineItem, { kind: "message" }> } | { kind: "messages"; messages: MessageSummary[] });

export interface Day {
  key: string;
  at: string;
  entries: Entry[];
}

/** Messages of one conversation with no longer pause between them are one row. */
const TOGETHER = 60 * 60_000;

function idOf(item: TimelineItem): string {
  if (item.kind === "event") return item.event.id;
  if (item.kind === "message") return item.message.id;
  if (item.kind === "outreach") return item.outreach.delivery.id;
  if (item.kind === "consent") return item.consent.id;
  return item.merge.id;
}

/** Groups a timeline, newest first, by days of the reader's zone and by runs of messages. */
export function groupTimeline(items: TimelineItem[]): Day[] {
  const days: Day[] = [];
  const seen = new Set<string>();
  for (const item of items) {
    const key = `${item.kind}-${idOf(item)}`;
    // Pages that were read while something was added overlap.
    if (seen.has(key)) continue;
    seen.add(key);
    let day = days[days.length - 1];
    if (day?.key !== dayKey(item.at)) days.push((day = { key: dayKey(item.at), at: item.at, entries: [] }));
    if (item.kind !== "message") {
      day.entries.push({ kind: "one", key, at: item.at, item });
      continue;
    }
    const before = day.entries[day.entries.length - 1];
    const oldest = before?.kind === "messages" ? before.messages[before.messages.length - 1] : undefined;
    if (before?.kind === "messages" && oldest?.conversation_id === item.message.conversation_id && Date.parse(oldest.at) - Date.parse(item.at) <= TOGETHER) {
      before.messages.push(item.message);
    } else {
      day.entries.push({ kind: "messages", key, at: item.at, messages: [item.message] });
    }
  }
  return days;
}
