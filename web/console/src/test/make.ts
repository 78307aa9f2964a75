import type { Conversation, Delivery, Message } from "@/api/types";

const instant = "2026-01-02T03:04:05.678Z";

/** A conversation for tests; everything may be overridden. */
export function conversation(extra: Partial<Conversation> = {}): Conversation {
  return {
    id: "1",
    number: 1,
    channel: "webchat",
    account_id: "a",
    customer: { id: "c", name: "Lin", label: "Lin" },
    identity_id: "i",
    status: "open",
    assignee_id: null,
    team_id: null,
    snoozed_until: null,
    waiting_since: null,
    last_inbound_at: null,
    last_activity_at: instant,
    reply_window_until: null,
    subject: null,
    allowance: null,
    context: null,
    last_seq: 0,
    inbound_count: 0,
    customer_read_seq: 0,
    last_message: null,
    version: 1,
    created_at: instant,
    read_seq: 0,
    read_inbound_count: 0,
    ...extra,
  };
}

/** A message for tests; everything may be overridden. */
export function message(seq: number, extra: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    conversation_id: "1",
    seq,
    direction: "in",
    kind: "text",
    author: { kind: "customer", id: "c", name: "Lin" },
    body: `message ${seq}`,
    activity: null,
    payload: null,
    quoted: null,
    html_url: null,
    attachments: [],
    client_key: null,
    delivery: null,
    created_at: instant,
    ...extra,
  };
}

export function delivery(extra: Partial<Delivery> = {}): Delivery {
  return { id: "d", state: "queued", attempt: 1, error_code: null, error_detail: null, updated_at: instant, ...extra };
}
