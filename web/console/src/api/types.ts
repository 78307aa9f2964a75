/**
 * The shapes of the API, named once; everything else imports them from here.
 * What the server's document describes comes from schema.d.ts, which
 * `make generate` writes.
 */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Locale = "en" | "zh-CN";
export type ThemeChoice = "system" | "light" | "dark";
export type Role = "owner" | "admin" | "manager" | "agent" | "marketer" | "viewer";
export type Scope = "all" | "team" | "assigned";
export type Availability = "available" | "away";

export interface Teammate {
  id: string;
  name: string;
  email: string;
  role: Role;
  locale: Locale;
  theme: ThemeChoice;
  availability: Availability;
  scope: Scope;
  account_ids: string[];
  team_ids: string[];
  disabled: boolean;
  created_at: string;
  last_seen_at: string | null;
}

export interface Me extends Teammate {
  permissions: string[];
  csrf_header: string;
  has_password: boolean;
}

export interface Team {
  id: string;
  name: string;
  member_ids: string[];
}

export type Bilingual = Record<Locale, string>;

export interface WebchatConfig {
  origins: string[];
  color: string;
  greeting: Bilingual;
  title: Bilingual;
  position: "right" | "left";
  default_locale: Locale;
  require_identity: boolean;
}

export interface Account {
  id: string;
  channel: "webchat";
  name: string;
  key: string;
  status: "active" | "disabled";
  sandbox: boolean;
  config: WebchatConfig;
  has_identity_secret: boolean;
  created_at: string;
}

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

export interface Customer {
  id: string;
  name: string | null;
  label: string;
  locale: string | null;
  timezone: string | null;
  attributes: Record<string, unknown>;
  last_seen_at: string | null;
  created_at: string;
  online: boolean;
}

export interface Identity {
  id: string;
  kind: "visitor" | "external" | "email" | "phone";
  namespace: string;
  value: string;
  verified: boolean;
  created_at: string;
}

export interface CustomerEvent {
  id: string;
  customer_id: string;
  name: string;
  properties: Record<string, unknown>;
  at: string;
  received_at: string;
}

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  total?: number | null;
}

export type MessagePage = Omit<Schemas["MessagePage"], "next_cursor">;
export type Counts = Schemas["Counts"];

export interface Setup {
  signed_in: boolean;
  demo_url: string | null;
  version: string;
}

export type Draft = Schemas["Draft"];
export type ReadCursor = Pick<Schemas["ReadCursor"], "read_seq" | "read_inbound_count">;

export interface ApiToken {
  id: string;
  name: string;
  role: Role;
  created_at: string;
  last_used_at: string | null;
}

export interface CreatedToken {
  token: ApiToken;
  secret: string;
}

export interface SignInLink {
  url: string;
  expires_at: string;
}

export interface Invitation {
  teammate: Teammate;
  invite_url: string;
  expires_at: string;
}

/** The body of every refused request (RFC 9457). */
export interface Problem {
  status: number;
  code: string;
  params?: Record<string, unknown>;
  detail?: string;
  request_id?: string;
  errors?: { field: string; code: string; params?: Record<string, unknown> }[];
}

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
