import type { Task } from "@/api/tasks";
import type { Segment } from "@/api/segments";
import type {
  Account,
  Allowance,
  Customer,
  Delivery,
  Message,
  SharedConversation,
  Team,
  Teammate,
} from "@/api/types";

export type ViewMode = "viewing" | "replying";

/** What this side may say; see docs/protocol.md section 3. */
export type ClientFrame =
  | { t: "hello"; after: string | null }
  | { t: "view"; conversation_id: string | null; mode: ViewMode }
  | { t: "typing"; conversation_id: string; on: boolean }
  /** All that is watched from here on. */
  | { t: "watch"; customer_ids: string[]; events: boolean; calls: boolean }
  | { t: "ping" };

export interface Viewer {
  teammate_id: string;
  mode: ViewMode;
}

/** A change of the feed: never lost, applied in order of position. */
export type Change =
  | { kind: "message"; data: { conversation: SharedConversation; message: Message } }
  | { kind: "conversation"; data: { conversation: SharedConversation } }
  | { kind: "delivery"; data: { conversation_id: string; message_id: string; seq: number; delivery: Delivery; allowance?: Allowance | null } }
  | { kind: "customer_read"; data: { conversation_id: string; seq: number } }
  | { kind: "read"; data: { conversation_id: string; read_seq: number; read_inbound_count: number } }
  | { kind: "draft"; data: { conversation_id: string; body: string; kind: "text" | "note" } }
  | { kind: "customer"; data: { customer: Customer } }
  /** The first is part of the second from here on. */
  | { kind: "outreach"; data: { customer_id: string; delivery: Delivery } }
  | { kind: "customer_merged"; data: { customer_id: string; into_id: string } }
  /** Messages have left it. */
  | { kind: "thread"; data: { conversation: SharedConversation } }
  | { kind: "teammate"; data: { teammate: Teammate } }
  | { kind: "team"; data: { team: Team } | { team_id: string; deleted: true } }
  | { kind: "account"; data: { account: Account } }
  | { kind: "task"; data: { task: Task; reason?: string } }
  | { kind: "task_removed"; data: { task_id: string } }
  /** The stages themselves are others. */
  | { kind: "stages"; data: Record<string, never> }
  /** Somebody came or went, or it is being gone through; at most once a second for each. */
  | { kind: "segment"; data: { segment: Pick<Segment, "id" | "size" | "state" | "progress">; /** new, or called or meant otherwise */ defined?: boolean } | { segment_id: string; deleted: true } }
  /** Its people, its numbers or its draft are others; at most once a second for each. */
  | { kind: "journey"; data: { journey_id: string } }
  | { kind: "removed"; data: { conversation_id: string } };

/** There is more of something that is watched: a hint, to be asked for like what a change tells of. */
export interface Wake {
  kind: "wake";
  data: { of: "customer"; customer_id: string } | { of: "events" } | { of: "calls" };
}

/** What the server says. */
export type ServerFrame =
  | { t: "hello"; position: string; resumed: boolean; server_time: string; node: string; online: string[] }
  | ({ t: "change"; position: string } & Change)
  | { t: "position"; position: string }
  | { t: "viewers"; conversation_id: string; viewers: Viewer[] }
  | { t: "typing"; conversation_id: string; from: "customer"; on: boolean }
  | { t: "presence"; online: string[] }
  | { t: "customer_presence"; customer_id: string; online: boolean }
  | ({ t: "wake" } & Wake["data"])
  | { t: "pong"; server_time: string };

export const closeCode = {
  helloMissing: 4000,
  frameInvalid: 4001,
  tooSlow: 4002,
  signedOut: 4003,
  rightsChanged: 4004,
  visitorRefused: 4005,
  accountDisabled: 4006,
  rateLimited: 4007,
  behind: 4008,
  overloaded: 4009,
  tooBig: 1009,
  restarting: 1012,
} as const;

/** What a close code asks for. `delay` is in milliseconds. */
export type Return =
  | { come: "never" }
  | { come: "sign-in" }
  | { come: "now"; resume: boolean }
  | { come: "after"; delay: number }
  | { come: "back-off" };

/** How to answer a close code; `random` is in [0, 1). */
export function afterClose(code: number, random: number): Return {
  switch (code) {
    case closeCode.frameInvalid:
    case closeCode.visitorRefused:
    case closeCode.accountDisabled:
    case closeCode.tooBig:
      return { come: "never" };
    case closeCode.signedOut:
      return { come: "sign-in" };
    case closeCode.tooSlow:
      return { come: "now", resume: true };
    case closeCode.rightsChanged:
    case closeCode.behind:
      return { come: "now", resume: false };
    case closeCode.rateLimited:
      return { come: "after", delay: 30_000 };
    case closeCode.overloaded:
      return { come: "after", delay: 5_000 + Math.floor(random * 10_000) };
    case closeCode.restarting:
      return { come: "after", delay: 1_000 + Math.floor(random * 4_000) };
    default:
      return { come: "back-off" };
  }
}

/** Waiting time before try number `attempt` (from 0): doubles to 30 s, with jitter. */
export function backOff(attempt: number, random: number): number {
  const ceiling = Math.min(30_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling * (0.5 + random / 2));
}
