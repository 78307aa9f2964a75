/**
 * The shapes of the API, named once; everything else imports them from here.
 * What the server's document describes comes from schema.d.ts, which
 * `make generate` writes.
 */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Teammate = Schemas["Teammate"];
export type Locale = Teammate["locale"];
export type ThemeChoice = Teammate["theme"];
export type Role = Teammate["role"];
export type Scope = Teammate["scope"];
export type NewTeammate = Schemas["NewTeammate"];
export type TeammatePatch = Schemas["TeammatePatch"];
export type Invitation = Schemas["Invitation"];
export type SignInLink = Schemas["OneTimeLink"];
export type Team = Schemas["Team"];
/** A channel account; its configuration is its channel's. */
export type Account = Omit<Schemas["Account"], "config"> & { config: WebchatConfig };
export type WebchatConfig = Schemas["WebchatConfig"];
export type ApiToken = Schemas["Token"];
export type CreatedToken = Schemas["CreatedToken"];
export type Setup = Schemas["Setup"];

/** A conversation as every teammate sees it; socket changes carry this. */
export type SharedConversation = Omit<Schemas["Conversation"], "read_seq" | "read_inbound_count">;

/** A conversation with the caller's own read cursor. */
export type Conversation = SharedConversation & Required<Pick<Schemas["Conversation"], "read_seq" | "read_inbound_count">>;

export type ConversationStatus = Conversation["status"];
export type ConversationPatch = Schemas["ConversationPatch"];
export type LastMessage = Schemas["LastMessage"];
export type Message = Schemas["Message"];
export type NewMessage = Schemas["NewMessage"];
export type Attachment = Schemas["Attachment"];
export type Delivery = Schemas["Delivery"];
export type Activity = Schemas["Activity"];

export type Customer = Schemas["Customer"];
export type CustomerPatch = Schemas["CustomerPatch"];
export type CustomerEvent = Schemas["Event"];
export type Identity = Omit<Schemas["Identity"], "kind"> & { kind: "visitor" | "external" | "email" | "phone" };

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  /** Only when it was asked for. */
  total?: number;
}

export type MessagePage = Omit<Schemas["MessagePage"], "next_cursor">;
export type Counts = Schemas["Counts"];
export type Draft = Schemas["Draft"];
export type ReadCursor = Pick<Schemas["ReadCursor"], "read_seq" | "read_inbound_count">;

/** The body of every refused request (RFC 9457); older proxies may cut it down to its code. */
export type Problem = Pick<Schemas["Problem"], "status" | "code"> & Partial<Schemas["Problem"]>;

export type InboxView = "mine" | "unassigned" | "all" | "team";
export type StatusFilter = ConversationStatus | "all";

/** What a conversation list shows; lives in the address bar. */
export interface InboxFilter {
  view: InboxView;
  status: StatusFilter;
  team_id?: string;
  account_id?: string;
  customer_id?: string;
}
