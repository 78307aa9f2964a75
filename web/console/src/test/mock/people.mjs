// Customers in the mock: timeline, merges with undo, consents, contradictions.
import { iso, newId } from "./world.mjs";

const hour = 3_600_000;
const lin = { kind: "teammate", id: "1002", name: "林小雨" };
const refOf = (c) => ({ id: c.id, name: c.name, label: c.label });

/** What the fourth customer came with: two records that are one person, and one that may be the same. */
export function addPeople(w) {
  w.merges = [];
  w.consents = {};
  const [one, two, three] = w.customers;
  if (!three) return;
  w.consents[one.id] = [
    { id: newId(), channel: "wechat", purpose: "marketing", state: "withdrawn", source: "取消了活动通知", identity_id: null, actor: lin, at: iso(Date.now() - 26 * hour) },
    { id: newId(), channel: "email", purpose: "marketing", state: "granted", source: "Check-out, order 88", identity_id: null, actor: { kind: "system", id: null, name: null }, at: iso(Date.now() - 400 * hour) },
  ];
  w.merges.push(
    { id: newId(), kind: "bind", survivor: refOf(one), absorbed: { id: newId(), name: null, label: "#8KQ2A" }, actor: { kind: "system", id: null, name: null }, identities: [{ id: newId(), kind: "openid", namespace: "3003", value: "oKm2X6abcdefqZ7PfVbTnE4c", verified: true, suppressed: null, created_at: iso(Date.now() - 90 * hour) }], filled: {}, at: iso(Date.now() - 50 * hour), undone: null },
    { id: newId(), kind: "manual", survivor: refOf(one), absorbed: refOf(two), actor: lin, identities: w.identities[two.id].slice(0, 1), filled: { name: two.name }, at: iso(Date.now() - 30 * hour), undone: { actor: lin, at: iso(Date.now() - 28 * hour) } },
  );
  w.identities[one.id].push({ id: newId(), kind: "openid", namespace: "3003", value: "oKm2X6abcdefqZ7PfVbTnE4c", verified: true, suppressed: "wechat_refuses_messages", created_at: iso(Date.now() - 90 * hour) });
}

export const mergesOf = (w, id) => w.merges.filter((m) => m.survivor.id === id || m.absorbed.id === id).sort((a, b) => (a.at < b.at ? 1 : -1));

/** Everything of a customer, newest first. */
export function timelineOf(w, id) {
  const out = (w.events[id] ?? []).map((event) => ({ kind: "event", at: event.at, event }));
  for (const c of w.conversations.filter((x) => x.customer.id === id)) {
    for (const m of w.messages[c.id]) {
      if (m.kind === "activity") continue;
      out.push({ kind: "message", at: m.created_at, message: { id: m.id, conversation_id: c.id, number: c.number, channel: c.channel, account_id: c.account_id, seq: m.seq, direction: m.direction, kind: m.kind, author: m.author, preview: m.body.slice(0, 120), attachments: m.attachments.length, at: m.created_at } });
    }
  }
  for (const merge of mergesOf(w, id)) {
    out.push({ kind: "merge", at: merge.at, merge });
    if (merge.undone) out.push({ kind: "merge_undone", at: merge.undone.at, merge });
  }
  for (const consent of w.consents[id] ?? []) out.push({ kind: "consent", at: consent.at, consent });
  return out.sort((a, b) => (a.at < b.at ? 1 : -1));
}

export function consentsOf(w, id) {
  const history = w.consents[id] ?? [];
  const current = history.filter((c, i) => history.findIndex((x) => x.channel === c.channel && x.purpose === c.purpose) === i);
  return { current, history };
}

export function setConsent(w, id, me, { client_key: _, ...said }) {
  w.consents[id] = [{ id: newId(), identity_id: null, actor: { kind: "teammate", id: me.id, name: me.name }, at: iso(Date.now()), ...said }, ...(w.consents[id] ?? [])];
  return consentsOf(w, id);
}

function side(w, c) {
  return { customer: c, identities: w.identities[c.id] ?? [], events: (w.events[c.id] ?? []).length };
}

export function preview(w, survivor, absorbed) {
  const fields = ["name", "locale", "timezone"].map((field) => ({ field, survivor: survivor[field], absorbed: absorbed[field], result: survivor[field] ?? absorbed[field], from: survivor[field] ? "survivor" : "absorbed" })).filter((f) => f.result);
  for (const k of new Set([...Object.keys(survivor.attributes), ...Object.keys(absorbed.attributes)])) fields.push({ field: `attributes.${k}`, survivor: survivor.attributes[k] ?? null, absorbed: absorbed.attributes[k] ?? null, result: survivor.attributes[k] ?? absorbed.attributes[k], from: k in survivor.attributes ? "survivor" : "absorbed" });
  const external = (c) => (w.identities[c.id] ?? []).find((i) => i.kind === "external")?.value;
  const objections = [];
  if (external(survivor) && external(absorbed)) objections.push({ code: "two_known_people", serious: true, params: { survivor: external(survivor), absorbed: external(absorbed) } });
  if (mergesOf(w, survivor.id).some((m) => m.undone && (m.absorbed.id === absorbed.id || m.survivor.id === absorbed.id))) objections.push({ code: "undone_before", serious: true, params: { at: iso(Date.now()) } });
  if (survivor.name && absorbed.name && survivor.name !== absorbed.name) objections.push({ code: "names_differ", serious: false, params: { survivor: survivor.name, absorbed: absorbed.name } });
  const count = (c) => w.conversations.filter((x) => x.customer.id === c.id).length;
  return { survivor: side(w, survivor), absorbed: side(w, absorbed), fields, objections, conversations: { survivor: count(survivor), absorbed: count(absorbed) }, suggested_survivor_id: survivor.created_at < absorbed.created_at ? survivor.id : absorbed.id };
}

export function merge(w, me, survivor, absorbed) {
  const moved = w.identities[absorbed.id] ?? [];
  const conversations = w.conversations.filter((c) => c.customer.id === absorbed.id);
  for (const c of conversations) c.customer = refOf(survivor);
  w.identities[survivor.id] = [...(w.identities[survivor.id] ?? []), ...moved];
  w.identities[absorbed.id] = [];
  w.customers = w.customers.filter((c) => c !== absorbed);
  const m = { id: newId(), kind: "manual", survivor: refOf(survivor), absorbed: refOf(absorbed), actor: { kind: "teammate", id: me.id, name: me.name }, identities: moved, filled: {}, at: iso(Date.now()), undone: null };
  Object.defineProperty(m, "back", { value: { absorbed, moved, conversations }, enumerable: false });
  w.merges.push(m);
  return m;
}

export function undo(w, me, m) {
  m.undone ??= { actor: { kind: "teammate", id: me.id, name: me.name }, at: iso(Date.now()) };
  if (!m.back) return m;
  const { absorbed, moved, conversations } = m.back;
  w.customers.push(absorbed);
  w.identities[m.survivor.id] = w.identities[m.survivor.id].filter((i) => !moved.includes(i));
  w.identities[absorbed.id] = moved;
  for (const c of conversations) c.customer = refOf(absorbed);
  return m;
}

/** The first customer may be the third one, too. */
export function contradictionsOf(w, id) {
  const [one, , three] = w.customers;
  if (!three || (id !== one.id && id !== three.id)) return [];
  return [{ id: "5", kind: "email", customer: refOf(one), identity: w.identities[one.id][0], other: refOf(three), other_identity: w.identities[three.id][0], at: iso(Date.now() - 5 * hour) }];
}
