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
export type Account = Schemas["Account"];
export type Health = Schemas["Health"];
export type CheckStep = Schemas["Step"];
export type WebchatConfig = Schemas["WebchatConfig"];
export type WebchatAccount = Omit<Account, "config"> & { config: WebchatConfig };

/** How WeChat pushes to an account. */
export type WechatMode = "plain" | "compat" | "safe";

export interface WechatConfig {
  app_id: string;
  mode: WechatMode;
  /** Also accepted while WeChat's own page is being changed; "" for none. */
  previous_mode: WechatMode | "";
  api_base: string;
  erase_on_unsubscribe: boolean;
  welcome: Record<Locale, string>;
  default_locale: Locale;
  open_platform: string;
}

export interface EmailConfig {
  address: string;
  name: string;
  /** Of reply addresses; "" for that of the address. */
  domain: string;
  smtp: { host: string; port: number; user: string; tls: "none" | "starttls" | "tls" };
}

/** What one writes of an account; secrets are written and never read back. */
export interface AccountWriting {
  channel: string;
  name: string;
  config: object;
  secrets?: Record<string, string>;
}
export type ApiToken = Schemas["Token"];
export type CreatedToken = Schemas["CreatedToken"];
export type Setup = Schemas["Setup"];

/** What a provider still allows to send; grants that have ended may still be in it. */
export type Allowance = Schemas["State"];
/** One permission to send: so many messages until an instant, given by an act of the customer. */
export type Grant = Allowance["grants"][number];

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

/** A delivery that failed, or of which nobody knows whether it arrived. */
export type Trouble = Schemas["Trouble"];

export type TroubleState = "all" | "failed" | "unknown";

/** Something that arrived, is kept, and could not be understood. */
export type FailedInbound = Schemas["Failed"];

export type Customer = Schemas["Customer"];
export type CustomerPatch = Schemas["CustomerPatch"];
export type CustomerEvent = Schemas["Event"];
export type Identity = Schemas["Identity"];

/** One entry of the log of merges. */
export type Merge = Schemas["Merge"];
export type Objection = Schemas["Objection"];
export type MergeSide = Omit<Schemas["Side"], "customer"> & { customer: Customer };
/** What a merge would do. */
export type MergePreview = Omit<Schemas["MergePreview"], "survivor" | "absorbed"> & { survivor: MergeSide; absorbed: MergeSide };
/** A proof that names two people at once. */
export type Contradiction = Schemas["Contradiction"];
/** One thing that a customer said about being written to. */
export type Consent = Schemas["Consent"];
export type ConsentPurpose = Consent["purpose"];
export type Consents = Schemas["Consents"];
/** A message as a customer's timeline shows it. */
export type MessageSummary = Schemas["Summary"];

/** What a journey sent, whatever became of it. */
export type Outreach = Schemas["Outreach"];

/** One thing of a customer's life with the company; what it is follows from its kind. */
export type TimelineItem = { at: string } & (
  | { kind: "event"; event: CustomerEvent }
  | { kind: "message"; message: MessageSummary }
  | { kind: "outreach"; outreach: Outreach }
  | { kind: "merge" | "merge_undone"; merge: Merge }
  | { kind: "consent"; consent: Consent }
);

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
