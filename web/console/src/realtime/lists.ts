import type { InfiniteData } from "@tanstack/react-query";
import type { Conversation, Counts, InboxFilter, Page, SharedConversation } from "@/api/types";

export type ConversationPages = InfiniteData<Page<Conversation>, string | null>;

/** Whether a conversation belongs into a list. */
export function matches(c: SharedConversation, filter: Partial<InboxFilter>, meId: string): boolean {
  if (filter.status && filter.status !== "all" && c.status !== filter.status) return false;
  if (filter.account_id && c.account_id !== filter.account_id) return false;
  if (filter.customer_id && c.customer.id !== filter.customer_id) return false;
  switch (filter.view) {
    case "mine":
      return c.assignee_id === meId;
    case "unassigned":
      return c.assignee_id === null;
    case "team":
      return filter.team_id !== undefined && c.team_id === filter.team_id;
    default:
      return true;
  }
}

/** Ids are decimal strings of any length; longer means larger. */
function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Order of a list: newest activity first, then the newer conversation. */
export function compareActivity(a: SharedConversation, b: SharedConversation): number {
  const x = Date.parse(a.last_activity_at);
  const y = Date.parse(b.last_activity_at);
  return y - x || compareIds(b.id, a.id);
}

/**
 * Joins a conversation that carries no read cursor of the caller (a socket
 * change) with what is known. Older news never replaces newer; the read
 * cursor is always kept.
 */
export function mergeConversation(known: Conversation | undefined, news: SharedConversation | Conversation): Conversation {
  const own = "read_seq" in news && typeof news.read_seq === "number" ? (news as Conversation) : undefined;
  const read = own ?? known;
  const cursor = {
    read_seq: read?.read_seq ?? 0,
    read_inbound_count: read?.read_inbound_count ?? 0,
  };
  if (known && known.version > news.version) return { ...known, ...cursor };
  return { ...news, ...cursor };
}

function without(data: ConversationPages, id: string): ConversationPages {
  if (!data.pages.some((page) => page.items.some((item) => item.id === id))) return data;
  return {
    ...data,
    pages: data.pages.map((page) =>
      page.items.some((item) => item.id === id) ? { ...page, items: page.items.filter((item) => item.id !== id) } : page,
    ),
  };
}

/**
 * Puts a conversation where it belongs in a list that is held in part, or
 * takes it out. What sorts below the last page held stays out: the next page
 * will bring it.
 */
export function placeConversation(
  data: ConversationPages,
  c: Conversation,
  filter: Partial<InboxFilter>,
  meId: string,
): ConversationPages {
  if (!matches(c, filter, meId)) return without(data, c.id);
  const bare = without(data, c.id);
  for (let p = 0; p < bare.pages.length; p++) {
    const page = bare.pages[p]!;
    const at = page.items.findIndex((item) => compareActivity(c, item) < 0);
    const last = p === bare.pages.length - 1;
    if (at === -1 && !(last && !page.next_cursor)) continue;
    const items = page.items.slice();
    items.splice(at === -1 ? items.length : at, 0, c);
    const pages = bare.pages.slice();
    pages[p] = { ...page, items };
    return { ...bare, pages };
  }
  return bare;
}

/** Takes a conversation out of a list. */
export const removeConversation = without;

function isUnread(c: Conversation): boolean {
  return c.inbound_count > c.read_inbound_count;
}

function contribution(c: Conversation | undefined, meId: string) {
  if (!c || c.status !== "open") return { mine: 0, unassigned: 0, all: 0, unread: 0, team: null, account: null };
  return {
    mine: c.assignee_id === meId ? 1 : 0,
    unassigned: c.assignee_id === null ? 1 : 0,
    all: 1,
    unread: c.assignee_id === meId && isUnread(c) ? 1 : 0,
    team: c.team_id,
    account: c.account_id,
  };
}

/** One of a group's members went from one to another. */
function moveOne(groups: Record<string, number>, from: string | null, to: string | null): Record<string, number> {
  if (from === to) return groups;
  const out = { ...groups };
  if (from) out[from] = Math.max(0, (out[from] ?? 0) - 1);
  if (to) out[to] = (out[to] ?? 0) + 1;
  return out;
}

/** Counts after one conversation went from `before` to `after` (undefined: out of sight). */
export function shiftCounts(
  counts: Counts,
  before: Conversation | undefined,
  after: Conversation | undefined,
  meId: string,
): Counts {
  const a = contribution(before, meId);
  const b = contribution(after, meId);
  const step = (key: "mine" | "unassigned" | "all" | "unread") => Math.max(0, counts[key] + b[key] - a[key]);
  return { mine: step("mine"), unassigned: step("unassigned"), all: step("all"), unread: step("unread"), teams: moveOne(counts.teams, a.team, b.team), accounts: moveOne(counts.accounts, a.account, b.account) };
}
