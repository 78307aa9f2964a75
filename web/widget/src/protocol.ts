/** The visitors' protocol as the server speaks it (docs/protocol.md, sections 4 and 5). */

export type LocaleCode = 'en' | 'zh-CN';
export type Localized = Record<LocaleCode, string>;

export interface Config {
  title: Localized;
  greeting: Localized;
  /** Accent colour, `#rrggbb`. */
  color: string;
  position: 'right' | 'left';
  default_locale: LocaleCode;
}

export interface Limits {
  /** Longest message, in characters (Unicode code points). */
  body: number;
  /** Largest file, in bytes. */
  file_bytes: number;
  /** Most files in one message. */
  files: number;
}

export interface Conversation {
  id: string;
  status: 'open' | 'resolved';
  last_seq: number;
  agent_read_seq: number;
  customer_read_seq: number;
  assignee_name: string | null;
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

export interface Message {
  conversation_id: string;
  seq: number;
  /** `in` is written by the visitor, `out` by a teammate. */
  direction: 'in' | 'out';
  author_name: string | null;
  body: string;
  attachments: Attachment[];
  client_key: string | null;
  created_at: string;
}

/** Who the page says its visitor is; `hash` proves it (HMAC-SHA256 of `user_id`, hex). */
export interface Identity {
  user_id: string;
  hash: string;
  name?: string;
  email?: string;
  /** Proves the address: see the README. */
  email_hash?: string;
  attributes?: Record<string, unknown>;
}

/** A single-use code by which a follower on WeChat proves to be this visitor. */
export interface BindAnswer {
  scene: string;
  expires_at: string;
  /** null when no WeChat account is connected. */
  qr: { url: string; ticket: string; image_url: string } | null;
}

export interface SessionRequest {
  visitor?: string;
  locale?: string;
  page?: { url: string; title: string };
  identity?: Identity;
}

export interface SessionAnswer {
  visitor: string;
  replaced: boolean;
  identified: boolean;
  config: Config;
  limits: Limits;
  conversation: Conversation | null;
  unread: number;
}

export interface HelloFrame {
  t: 'hello';
  server_time: string;
  node: string;
  conversation: Conversation | null;
  messages: Message[];
  has_more: boolean;
  reset: boolean;
}

export type ServerFrame =
  | HelloFrame
  | { t: 'message'; message: Message }
  | { t: 'conversation'; conversation: Conversation }
  | { t: 'ack'; client_key: string; message: Message }
  | { t: 'error'; client_key?: string; code: string; params?: Record<string, unknown> }
  | { t: 'typing'; on: boolean; name?: string }
  | { t: 'online'; teammates: number }
  | { t: 'pong' };

export type ClientFrame =
  | { t: 'hello'; visitor: string; after: string | null }
  | { t: 'send'; client_key: string; body: string; attachment_ids: string[] }
  | { t: 'typing'; on: boolean }
  | { t: 'read'; conversation_id: string; seq: number }
  | { t: 'page'; url: string; title: string }
  | { t: 'ping' };

/** Close codes that need something other than "come back after a while". */
export const Close = {
  frameInvalid: 4001,
  tooSlow: 4002,
  signedOut: 4003,
  rightsChanged: 4004,
  visitorRefused: 4005,
  accountDisabled: 4006,
  rateLimited: 4007,
  behind: 4008,
  overloaded: 4009,
  frameTooLarge: 1009,
  restart: 1012,
} as const;
