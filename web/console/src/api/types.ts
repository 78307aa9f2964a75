/**
 * The shapes of the API, named once. Everything else imports them from here,
 * so that their source can change without touching the features.
 */

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

export type ConversationStatus = "open" | "snoozed" | "resolved";
export type MessageDirection = "in" | "out" | "internal";
export type MessageKind = "text" | "note" | "activity";

export interface LastMessage {
  seq: number;
  direction: MessageDirection;
  kind: MessageKind;
  preview: string;
  author_name: string | null;
  at: string;
}

/** A conversation as every teammate sees it; socket changes carry this. */
export interface SharedConversation {
  id: string;
  number: number;
  channel: string;
  account_id: string;
  customer: { id: string; name: string | null; label: string };
  identity_id: string;
  status: ConversationStatus;
  assignee_id: string | null;
  team_id: string | null;
  snoozed_until: string | null;
  waiting_since: string | null;
  last_inbound_at: string | null;
  last_activity_at: string;
  reply_window_until: string | null;
  last_seq: number;
  inbound_count: number;
  customer_read_seq: number;
  last_message: LastMessage | null;
  version: number;
  created_at: string;
}

/** A conversation with the caller's own read cursor. */
export interface Conversation extends SharedConversation {
  read_seq: number;
  read_inbound_count: number;
}

export interface Author {
  kind: "customer" | "teammate" | "system";
  id: string | null;
  name: string | null;
}

export interface Attachment {
  id: string;
  name: string;
  content_type: string;
  size: number;
  width: number | null;
  height: number | null;
  url: string;
}

export type DeliveryState =
  | "queued"
  | "claimed"
  | "sending"
  | "sent"
  | "delivered"
  | "read"
  | "failed"
  | "unknown";

export interface Delivery {
  id: string;
  state: DeliveryState;
  attempt: number;
  error_code: string | null;
  updated_at: string;
}

export interface Activity {
  code: string;
  params: Record<string, unknown>;
}

export interface Message {
  id: string;
  conversation_id: string;
  seq: number;
  direction: MessageDirection;
  kind: MessageKind;
  author: Author;
  body: string;
  activity: Activity | null;
  attachments: Attachment[];
  client_key: string | null;
  delivery: Delivery | null;
  created_at: string;
}

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

export interface MessagePage extends Page<Message> {
  has_more_before: boolean;
  has_more_after: boolean;
}

export interface Counts {
  mine: number;
  unassigned: number;
  all: number;
  /** By team id. */
  teams: Record<string, number>;
  /** By channel account id. */
  accounts: Record<string, number>;
  /** The caller's own open conversations with something not read; at most 1000. */
  unread: number;
}

export interface Setup {
  signed_in: boolean;
  demo_url: string | null;
  version: string;
}

export interface Draft {
  body: string;
  kind: "text" | "note";
}

export interface ReadCursor {
  read_seq: number;
  read_inbound_count: number;
}

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
