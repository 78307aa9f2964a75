// The made-up world of the development mock: people, conversations, messages.
// Used by tests and while developing; never part of a build.
import { accountFor, addChannelAccounts, channelFor, failedInbound, furnish } from "./channels.mjs";
import { addPeople } from "./people.mjs";

let serial = 7_300_000_000_000_000n;
export const newId = () => String(serial++);
export const iso = (ms) => new Date(ms).toISOString();

const firstNames = ["林晓", "王小明", "Anna Schmidt", "陈静", "Peter O'Neill", "张伟", "Maria Rossi", "李娜", null, "Sofia Lindqvist", "赵磊", "John Carter"];
const lines = [
  "你好，请问这款保温杯有白色的吗？",
  "Hello, my parcel says delivered but I do not have it.",
  "订单 20260311-88 什么时候发货？",
  "Can I change the address after I ordered? I am moving next week and would like it sent to https://shop.example/addresses/new, please.",
  "谢谢！",
  "Does the blue one come in size 42?",
  "我想退换货，包装已经拆开了可以吗？",
  "Great, thank you.",
];
const answers = ["您好，白色款今天有货，下单后 24 小时内发出。", "Hello, I am looking into it and will be back in a few minutes.", "可以的，七天内都可以退换，请保留好吊牌。", "Yes, until it leaves our warehouse. What is the new address?"];

function teammate(id, name, email, role, extra = {}) {
  return { id, name, email, role, locale: "en", theme: "system", availability: "available", scope: "all", account_ids: [], team_ids: [], disabled: false, created_at: iso(Date.now() - 90 * 86_400_000), last_seen_at: iso(Date.now() - 3_600_000), ...extra };
}

export const permissionsOf = {
  owner: ["inbox.read", "inbox.reply", "customers.read", "customers.write", "teammates.read", "teammates.manage", "accounts.manage", "tokens.manage", "tasks.read", "tasks.write", "stages.manage", "segments.read", "segments.manage", "journeys.read", "journeys.manage", "tracking.manage"],
  admin: ["inbox.read", "inbox.reply", "customers.read", "customers.write", "teammates.read", "teammates.manage", "accounts.manage", "tokens.manage", "tasks.read", "tasks.write", "stages.manage", "segments.read", "segments.manage", "journeys.read", "journeys.manage", "tracking.manage"],
  manager: ["inbox.read", "inbox.reply", "customers.read", "customers.write", "teammates.read", "tasks.read", "tasks.write", "stages.manage", "segments.read", "segments.manage", "journeys.read", "journeys.manage"],
  agent: ["inbox.read", "inbox.reply", "customers.read", "customers.write", "tasks.read", "tasks.write", "segments.read", "journeys.read"],
  marketer: ["customers.read", "customers.write", "tasks.read", "tasks.write", "stages.manage", "segments.read", "segments.manage", "journeys.read", "journeys.manage", "tracking.manage"],
  viewer: ["inbox.read", "customers.read", "tasks.read", "segments.read", "journeys.read"],
};

function accountOf(id, name, key, sandbox) {
  return { id, channel: "webchat", name, key, status: "active", sandbox, has_identity_secret: false, created_at: iso(Date.now() - 80 * 86_400_000), config: { origins: ["https://shop.example"], color: "#0f766e", greeting: { en: "Hello. How can we help?", "zh-CN": "您好，请问有什么可以帮您？" }, title: { en: "Shop support", "zh-CN": "商店客服" }, position: "right", default_locale: "en", require_identity: false } };
}

export function makeWorld(size = 140) {
  const w = { teammates: [], teams: [], accounts: [], customers: [], identities: {}, events: {}, conversations: [], messages: {}, reads: {}, drafts: {}, files: {}, tokens: [], links: {}, mails: {}, inbound: failedInbound() };
  w.teammates.push(
    teammate("1001", "Li Wei", "owner@fanward.example", "owner", { team_ids: ["2001"] }),
    teammate("1002", "林小雨", "lin@fanward.example", "agent", { team_ids: ["2001"] }),
    teammate("1003", "Marta Nowak", "marta@fanward.example", "manager", { availability: "away" }),
    teammate("1004", "Vera View", "viewer@fanward.example", "viewer"),
    teammate("1005", "Max Market", "marketer@fanward.example", "marketer", { last_seen_at: null }),
  );
  w.teams.push({ id: "2001", name: "售后 After-sales", member_ids: ["1001", "1002"] }, { id: "2002", name: "Sales", member_ids: ["1003"] });
  w.accounts.push(accountOf("3001", "Shop", "wc_4fjq2k7m", true), accountOf("3002", "Help centre", "wc_9slx0q2p", false));
  addChannelAccounts(w);
  const now = Date.now();
  for (let i = 0; i < size; i++) addConversation(w, i, now);
  addPeople(w);
  w.conversations.sort((a, b) => (a.last_activity_at < b.last_activity_at ? 1 : -1));
  return w;
}

function addConversation(w, i, now) {
  const at = now - Math.round((i * 3.7 + (i * i) / 6) * 60_000) - 20_000;
  const name = firstNames[i % firstNames.length];
  const customer = { id: newId(), name, label: name ?? `#${(i * 7_654_321 + 40_000_000).toString(36).toUpperCase().slice(-5)}`, locale: i % 2 ? "en" : "zh-CN", timezone: i % 3 ? "Asia/Shanghai" : null, attributes: i % 4 === 0 ? { plan: "gold", orders: 12, 城市: "上海" } : {}, last_seen_at: iso(at), created_at: iso(at - 40 * 86_400_000), online: i % 5 === 0 };
  w.customers.push(customer);
  const channel = channelFor(i);
  const kind = { webchat: "visitor", wechat: "openid", email: "email" }[channel];
  const value = { webchat: `v_${customer.id.slice(-8)}c41f09ab7e22`, wechat: `oKm2X6${customer.id.slice(-8)}qZ7PfVbTnE4c`, email: `customer${i}@example.com` }[channel];
  const identity = { id: newId(), kind, namespace: kind === "email" ? "" : accountFor(i), value, verified: channel !== "webchat", suppressed: null, created_at: customer.created_at };
  w.identities[customer.id] = i % 3 === 0 ? [identity, { id: newId(), kind: "external", namespace: "3001", value: `user-${1000 + i}`, verified: true, suppressed: null, created_at: customer.created_at }, ...(channel === "email" ? [] : [{ id: newId(), kind: "email", namespace: "", value: `customer${i}@example.com`, verified: false, suppressed: null, created_at: customer.created_at }])] : [identity];
  w.events[customer.id] = ["page_viewed", "product_added", "order_completed"].map((n, k) => ({ id: newId(), customer_id: customer.id, name: n, properties: { path: `/products/${i}`, price: 49.9 }, at: iso(at - k * 3_600_000), received_at: iso(at - k * 3_600_000) }));
  const status = i % 9 === 7 ? "resolved" : i % 13 === 11 ? "snoozed" : "open";
  const c = { id: newId(), number: 1000 + i, channel, account_id: accountFor(i), customer: { id: customer.id, name: customer.name, label: customer.label }, identity_id: identity.id, status, assignee_id: i % 3 === 0 ? "1001" : i % 3 === 1 ? null : "1002", team_id: i % 4 === 0 ? "2001" : null, snoozed_until: status === "snoozed" ? iso(now + 5 * 3_600_000) : null, waiting_since: null, last_inbound_at: null, last_activity_at: iso(at), reply_window_until: null, last_seq: 0, inbound_count: 0, customer_read_seq: 0, last_message: null, version: 1, created_at: iso(at - 2 * 86_400_000) };
  w.conversations.push(c);
  w.messages[c.id] = [];
  const count = i === 1 ? 180 : 3 + (i % 6);
  addMessage(w, c, { direction: "internal", kind: "activity", author: { kind: "system", id: null, name: null }, body: "", activity: { code: "conversation_opened", params: {} } }, at - 2 * 86_400_000);
  for (let k = 0; k < count; k++) {
    const inbound = k % 3 !== 1;
    const when = at - (count - 1 - k) * (i === 1 ? 9 : 140) * 60_000;
    const author = inbound ? { kind: "customer", id: customer.id, name: customer.name } : { kind: "teammate", id: "1002", name: "林小雨" };
    addMessage(w, c, { direction: inbound ? "in" : "out", kind: "text", author, body: inbound ? lines[(i + k) % lines.length] : answers[(i + k) % answers.length] }, when);
  }
  if (i % 5 === 2) addMessage(w, c, { direction: "internal", kind: "note", author: { kind: "teammate", id: "1003", name: "Marta Nowak" }, body: "VIP, 上周已经投诉过一次。Please be quick." }, at);
  furnish(w, c, i, at);
  c.last_activity_at = iso(at);
  c.status = status;
  w.reads[`1001:${c.id}`] = i % 4 === 0 ? { read_seq: Math.max(0, c.last_seq - 2), read_inbound_count: Math.max(0, c.inbound_count - 1 - (i % 3)) } : { read_seq: c.last_seq, read_inbound_count: c.inbound_count };
}

/** Appends a message as the server would; answers it. */
export function addMessage(w, c, input, at = Date.now()) {
  const seq = ++c.last_seq;
  const m = { id: newId(), conversation_id: c.id, seq, direction: input.direction, kind: input.kind, author: input.author, body: input.body ?? "", activity: input.activity ?? null, attachments: input.attachments ?? [], client_key: input.client_key ?? null, payload: null, quoted: null, html_url: null, delivery: input.direction === "out" && input.kind === "text" ? { id: newId(), state: "sent", attempt: 1, error_code: null, updated_at: iso(at) } : null, created_at: iso(at) };
  w.messages[c.id].push(m);
  c.version++;
  if (m.kind !== "activity") {
    c.last_activity_at = iso(at);
    c.last_message = { seq, direction: m.direction, kind: m.kind, preview: m.body.slice(0, 120), author_name: m.author.name, at: iso(at) };
  }
  if (m.direction === "in") {
    c.inbound_count++;
    c.last_inbound_at = iso(at);
    c.waiting_since ??= iso(at);
    if (c.status !== "open") c.status = "open";
  } else if (m.direction === "out") {
    c.waiting_since = null;
    c.customer_read_seq = Math.max(c.customer_read_seq, seq - 1);
  }
  return m;
}
