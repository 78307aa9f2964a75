// Stages, tags, events, write keys and segments in the mock's world.
import { iso, newId } from "./world.mjs";

const hour = 3_600_000;
const day = 24 * hour;
const stageNames = [["target", "Target", "目标客户"], ["lead", "Lead", "潜客"], ["customer", "Customer", "成交客户"], ["member", "Member", "会员"], ["fan", "Fan", "粉丝"], ["lapsed", "Lapsed", "流失"]];
const story = { kind: "all", of: [{ kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" }, where: [{ property: "amount", op: "at_least", value: 100 }] }] };
const nested = { kind: "all", of: [{ kind: "stage", values: ["customer", "member"] }, { kind: "any", of: [{ kind: "attribute", name: "city", op: "in", values: ["上海", "北京"] }, { kind: "tag", name: "vip" }] }, { kind: "none", of: [{ kind: "tag", name: "staff" }] }, { kind: "reachable", channel: "wechat", purpose: "marketing" }] };

/** Gives everybody a stage and tags, and the hub its segments and keys. */
export function addBehaviour(w) {
  w.stages = stageNames.map(([key, name_en, name_zh], i) => ({ key, position: i + 1, name_en, name_zh, rule: key === "member" ? story : null, built_in: true }));
  const now = Date.now();
  w.stageChanges = {};
  w.customers.forEach((c, i) => {
    const s = i % 4 === 3 ? null : w.stages[(i * 5) % 6];
    c.stage = s && { key: s.key, name_en: s.name_en, name_zh: s.name_zh, since: iso(now - i * 7 * hour) };
    c.tags = i % 3 === 0 ? ["vip"] : i % 7 === 1 ? ["展会 2026", "wholesale", "绿茶", "gift"] : [];
    w.stageChanges[c.id] = s ? [{ id: newId(), from: "lead", to: s.key, kind: i % 2 ? "journey" : "manual", reason: i % 2 ? "Invite to membership" : "电话中确认", ref: "", actor: { kind: "teammate", id: "1002", name: i % 2 ? null : "林小雨" }, at: c.stage.since }] : [];
  });
  w.writeKeys = [{ id: newId(), name: "Shop back end", kind: "server", created_at: iso(now - 40 * day), last_used_at: iso(now - 50_000), revoked_at: null }, { id: newId(), name: "shop.example", kind: "browser", key: "fwb_7d2k9s0q1m", created_at: iso(now - 40 * day), last_used_at: iso(now - 9_000), revoked_at: null }, { id: newId(), name: "Old importer", kind: "server", created_at: iso(now - 300 * day), last_used_at: iso(now - 90 * day), revoked_at: iso(now - 60 * day) }];
  w.sending = { quiet: { enabled: true, from: "22:00", to: "08:00" }, cap: { enabled: true, max: 3, days: 7 } };
  w.segments = [];
  putSegment(w, { name: "本月常客", description: "", rule: story }, [{ kind: "journey", id: "1", name: "Invite to membership" }]);
  putSegment(w, { name: "Reachable city members", description: "Shanghai and Beijing, without staff", rule: nested });
  putSegment(w, { name: "Asleep for 30 days", description: "", rule: { kind: "all", of: [{ kind: "dormant", duration: "30d" }] } });
  Object.assign(w.segments[2], { state: "building", progress: 37 });
}

const hash = (text) => [...text].reduce((h, c) => (h * 31 + c.codePointAt(0)) >>> 0, 7);
/** Whom a rule takes here: anybody, but always the same ones. */
const taken = (w, rule) => (rule.of?.length === 0 ? w.customers : w.customers.filter((c) => hash(c.id + JSON.stringify(rule)) % 5 < 2));

export function putSegment(w, body, used_by = []) {
  const s = { id: newId(), version: 1, state: "ready", progress: 100, used_by, created_at: iso(Date.now()), updated_at: iso(Date.now()), fresh_at: iso(Date.now()), ...body };
  s.size = taken(w, s.rule).length;
  w.segments.push(s);
  return s;
}

export function previewOf(w, { rule }) {
  const people = taken(w, rule);
  const rows = [];
  const walk = (node, path) => {
    rows.push({ path, count: taken(w, node).length });
    (node.of ?? []).forEach((child, i) => walk(child, `${path}.of[${i}]`));
  };
  walk(rule, "rule");
  return { count: people.length, total: w.customers.length, sample: people.slice(0, 5), reach: { wechat: Math.floor(people.length / 5), email: Math.floor(people.length / 4), webchat: Math.floor(people.length / 2) }, rows, took_ms: 12 };
}

export function whyOf(w, rule, customer) {
  const answer = (node, path) => {
    const of = (node.of ?? []).map((child, i) => answer(child, `${path}.of[${i}]`));
    const match = node.kind === "all" ? of.every((x) => x.match) : node.kind === "any" ? of.some((x) => x.match) : node.kind === "none" ? !of.some((x) => x.match) : hash(customer.id + JSON.stringify(node)) % 2 === 0;
    const actual = { event: match ? (node.value ?? 1) : 0, attribute: customer.attributes[node.name] ?? null, stage: { stage: customer.stage?.key ?? "", since: customer.stage?.since ?? null }, time: match ? iso(Date.now() - day) : null }[node.kind] ?? match;
    return { path, kind: node.kind, match, until: node.window?.last && match ? iso(Date.now() + 5 * day) : null, actual, of };
  };
  const why = answer(rule, "rule");
  return { match: why.match, until: why.match ? iso(Date.now() + 5 * day) : null, why };
}

const properties = [{ name: "amount", types: ["number"], examples: ["128", "49.9"] }, { name: "sku", types: ["text"], examples: ["T-9", "K-1"] }, { name: "gift", types: ["boolean"], examples: ["true"] }];
export const eventNames = () => ({ items: [{ name: "Order Completed", count: 1280, last_at: iso(Date.now()), properties }, { name: "Product Viewed", count: 20411, last_at: iso(Date.now()), properties: properties.slice(1) }, { name: "Message Received", count: 731, last_at: iso(Date.now()), properties: [] }] });
export const attributeNames = () => ({ items: [{ name: "city", types: ["text"], examples: ["上海", "北京"] }, { name: "orders", types: ["number"], examples: ["12"] }, { name: "birthday", types: ["time"], examples: ["1990-05-01"] }] });
export const tagsOf = (w) => ({ items: [...new Set(w.customers.flatMap((c) => c.tags))].sort().map((name) => ({ id: String(hash(name)), name, count: w.customers.filter((c) => c.tags.includes(name)).length })) });
export const stagesOf = (w) => ({ items: w.stages.map((s) => ({ ...s, count: w.customers.filter((c) => c.stage?.key === s.key).length })) });
export const movement = () => ({ cells: [["", "lead", 61], ["lead", "customer", 34], ["customer", "member", 18], ["member", "fan", 5], ["member", "lapsed", 3], ["lapsed", "customer", 2], ["customer", "lapsed", 9]].map(([from, to, count]) => ({ from, to, count })) });

export function moveStage(w, me, c, { stage, reason }) {
  const s = w.stages.find((x) => x.key === stage);
  w.stageChanges[c.id] = [{ id: newId(), from: c.stage?.key ?? "", to: stage, kind: "manual", reason, ref: "", actor: { kind: "teammate", id: me.id, name: me.name }, at: iso(Date.now()) }, ...(w.stageChanges[c.id] ?? [])];
  c.stage = s ? { key: s.key, name_en: s.name_en, name_zh: s.name_zh, since: iso(Date.now()) } : null;
  return c;
}

export const eventsOf = (w) => Object.values(w.events).flat().slice(0, 90).map((e, i) => ({ ...e, name: ["Order Completed", "Product Viewed", "Message Received"][i % 3], properties: [{ amount: 128, sku: "T-9", gift: false, products: [1, 2], coupon: null }, { sku: "K-1", price: 49.9 }, {}][i % 3] }));
export const callsOf = (w) => ["accepted", "accepted", "refused", "duplicate", "adjusted", "accepted"].map((status, i) => ({ id: String(9000 + i), at: iso(Date.now() - i * 4000), write_key_id: w.writeKeys[i % 2].id, type: i === 1 ? "identify" : "track", message_id: `node-${i}-7f3a`, user_id: i % 2 ? "" : "user-1", anonymous_id: i % 2 ? "anon-9f" : "", event: i === 1 ? "" : "Order Completed", status, reasons: status === "refused" ? [{ code: "required", field: "event", params: {} }] : status === "adjusted" ? [{ code: "too_long", field: "properties.note", params: { max: 500 } }] : [], customer_id: status === "accepted" ? w.customers[0].id : null, body: { type: "track", event: "Order Completed", userId: "user-1", properties: { amount: 128 } } }));
export const membersOf = (w, s) => taken(w, s.rule).map((customer, i) => ({ customer, since: iso(Date.now() - i * hour), valid_until: i % 2 ? iso(Date.now() + (i + 1) * day) : null }));
export const changesOf = (w, s) => taken(w, s.rule).slice(0, 20).map((customer, i) => ({ id: String(i), customer, entered: i % 3 !== 2, reason: ["event", "time", "profile", "merge", "definition"][i % 5], at: iso(Date.now() - i * 3 * hour) }));
