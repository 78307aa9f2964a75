// A stand-in for the server while developing and looking at the console:
// it speaks docs/protocol.md from memory and forgets everything when stopped.
// Never part of a build. PORT chooses the port, MOCK_EMPTY=1 an empty inbox.
// Sign in with owner@fanward.example (or lin@, viewer@, marketer@) and any password.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { addMessage, iso, makeWorld, newId, permissionsOf } from "./world.mjs";
import { allow, check, spend, troubles } from "./channels.mjs";
import { consentsOf, contradictionsOf, merge, mergesOf, preview, setConsent, timelineOf, undo } from "./people.mjs";
import { addBehaviour, attributeNames, callsOf, changesOf, eventNames, eventsOf, membersOf, moveStage, movement, previewOf, putSegment, stagesOf, tagsOf, whyOf } from "./behaviour.mjs";
import { acceptSocket } from "./socket.mjs";

const world = makeWorld(process.env.MOCK_EMPTY ? 0 : 140);
addBehaviour(world);
const sessions = new Map();
const sockets = new Set();
let position = 100;
let failNextSend = null;

const dist = fileURLToPath(new URL("../../../dist/", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

const meOf = (t) => ({ ...t, permissions: permissionsOf[t.role], csrf_header: "X-Fanward-CSRF", has_password: t.has_password ?? true });
const readOf = (me, c) => world.reads[`${me.id}:${c.id}`] ?? { read_seq: 0, read_inbound_count: 0 };
const withRead = (me, c) => ({ ...c, ...readOf(me, c) });

export function broadcast(change, only) {
  position++;
  for (const s of sockets) {
    if (s.me) s.send(only && s.me.id !== only ? { t: "position", position: String(position) } : { t: "change", position: String(position), ...change });
  }
}
const toldConversation = (c) => broadcast({ kind: "conversation", data: { conversation: c } });
const toldMessage = (c, m) => broadcast({ kind: "message", data: { conversation: { ...c }, message: m } });
const hint = (frame, except) => {
  for (const s of sockets) if (s.me && s !== except) s.send(frame);
};
function tellViewers(id) {
  if (!id) return;
  const viewers = [...sockets].filter((s) => s.me && s.view?.id === id).map((s) => ({ teammate_id: s.me.id, mode: s.view.mode }));
  if (id === world.conversations[1]?.id) viewers.push({ teammate_id: "1003", mode: "replying" }, { teammate_id: "1002", mode: "viewing" });
  hint({ t: "viewers", conversation_id: id, viewers });
}

class Refused extends Error {
  constructor(status, code, params = {}, errors = []) {
    super(code);
    Object.assign(this, { status, code, params, errors });
  }
}
const find = (list, id) => list.find((x) => x.id === id) ?? (() => { throw new Refused(404, "not_found"); })();

function page(items, url) {
  const limit = Number(url.searchParams.get("limit") ?? 50);
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const next = from + limit < items.length ? String(from + limit) : null;
  return { items: items.slice(from, from + limit), next_cursor: next };
}

function listConversations(me, url) {
  const q = (n) => url.searchParams.get(n);
  const status = q("status") ?? "open";
  const items = world.conversations
    .filter((c) => status === "all" || c.status === status)
    .filter((c) => !q("account_id") || c.account_id === q("account_id"))
    .filter((c) => !q("customer_id") || c.customer.id === q("customer_id"))
    .filter((c) => (q("view") === "mine" ? c.assignee_id === me.id : q("view") === "unassigned" ? !c.assignee_id : q("view") === "team" ? c.team_id === q("team_id") : true))
    .sort((a, b) => (a.last_activity_at < b.last_activity_at ? 1 : -1))
    .map((c) => withRead(me, c));
  return page(items, url);
}

function counts(me) {
  const open = world.conversations.filter((c) => c.status === "open");
  const n = (f) => open.filter(f).length;
  return { mine: n((c) => c.assignee_id === me.id), unassigned: n((c) => !c.assignee_id), all: open.length, teams: Object.fromEntries(world.teams.map((t) => [t.id, n((c) => c.team_id === t.id)])), accounts: Object.fromEntries(world.accounts.map((a) => [a.id, n((c) => c.account_id === a.id)])), unread: n((c) => c.assignee_id === me.id && c.inbound_count > readOf(me, c).read_inbound_count) };
}

function patchConversation(me, c, body) {
  const by = { by_id: me.id, by_name: me.name };
  const note = (code, params) => toldMessage(c, addMessage(world, c, { direction: "internal", kind: "activity", author: { kind: "system", id: null, name: null }, activity: { code, params } }));
  if (body.if_version && body.if_version !== c.version) throw new Refused(409, "conversation_changed");
  if (body.status && body.status !== c.status) {
    c.status = body.status;
    c.snoozed_until = body.snoozed_until ?? null;
    if (body.status === "resolved") c.waiting_since = null;
    note({ resolved: "resolved", open: "reopened", snoozed: "snoozed" }[body.status], { ...by, until: body.snoozed_until });
  }
  if ("assignee_id" in body && body.assignee_id !== c.assignee_id) {
    c.assignee_id = body.assignee_id;
    const name = world.teammates.find((t) => t.id === body.assignee_id)?.name;
    note(body.assignee_id ? "assigned" : "unassigned", { ...by, assignee_id: body.assignee_id, assignee_name: name });
  }
  if ("team_id" in body) {
    c.team_id = body.team_id;
    note("team_changed", { ...by, team_name: world.teams.find((t) => t.id === body.team_id)?.name ?? null });
  }
  c.version++;
  toldConversation(c);
  return withRead(me, c);
}

function sendMessage(me, c, body) {
  if (failNextSend) {
    const f = failNextSend;
    failNextSend = null;
    throw new Refused(f.status, f.code);
  }
  const first = world.messages[c.id].find((m) => m.client_key === body.client_key);
  if (first) return first;
  if ([...body.body].length > 10000) throw new Refused(422, "body_too_long", { max: 10000 });
  const m = addMessage(world, c, { direction: body.kind === "note" ? "internal" : "out", kind: body.kind, author: { kind: "teammate", id: me.id, name: me.name }, body: body.body, client_key: body.client_key, attachments: body.attachment_ids.map((id) => world.files[id].attachment) });
  toldMessage(c, m);
  if (m.delivery && c.allowance) broadcast({ kind: "delivery", data: { conversation_id: c.id, message_id: m.id, seq: m.seq, delivery: m.delivery, allowance: spend(c) } });
  if (m.delivery && body.body.includes("fail")) {
    m.delivery = { ...m.delivery, state: "failed", error_code: "not_found", updated_at: iso(Date.now() + 5) };
    broadcast({ kind: "delivery", data: { conversation_id: c.id, message_id: m.id, seq: m.seq, delivery: m.delivery } });
  }
  if (body.and_resolve) patchConversation(me, c, { status: "resolved" });
  return m;
}

/** A customer's message, for the look-around script: POST /mock/inbound {conversation_id?, body}. */
function inbound(body) {
  const c = body.conversation_id ? find(world.conversations, body.conversation_id) : world.conversations[0];
  const m = addMessage(world, c, { direction: "in", kind: "text", author: { kind: "customer", id: c.customer.id, name: c.customer.name }, body: body.body });
  allow(c);
  toldMessage(c, m);
  return m;
}

function upload(raw, type) {
  const boundary = /boundary=(.+)$/.exec(type)[1];
  const start = raw.indexOf("\r\n\r\n") + 4;
  const head = raw.subarray(0, start).toString();
  const data = raw.subarray(start, raw.lastIndexOf(`\r\n--${boundary}`));
  const name = /filename="([^"]*)"/.exec(head)?.[1] ?? "file";
  const content_type = /Content-Type: (\S+)/i.exec(head)?.[1] ?? "application/octet-stream";
  const id = newId();
  const png = content_type === "image/png";
  const attachment = { id, name: Buffer.from(name, "latin1").toString("utf8"), content_type, size: data.length, width: png ? data.readUInt32BE(16) : null, height: png ? data.readUInt32BE(20) : null, url: `/api/v1/files/${id}` };
  world.files[id] = { attachment, data };
  return attachment;
}

function signedIn(req) {
  const token = /fanward_session=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
  const id = sessions.get(token);
  if (!id) throw new Refused(401, "not_signed_in");
  return find(world.teammates, id);
}
function begin(res, t) {
  const token = createHash("sha1").update(newId()).digest("hex");
  sessions.set(token, t.id);
  res.setHeader("Set-Cookie", `fanward_session=${token}; Path=/; HttpOnly; SameSite=Lax`);
  t.last_seen_at = iso(Date.now());
  return meOf(t);
}

const link = (id) => {
  const token = `t${newId()}`;
  world.links[token] = id;
  return { url: `http://127.0.0.1:${port}/sign-in/link#token=${token}`, expires_at: iso(Date.now() + 86_400_000) };
};

// [method, pattern, handler(me, params, body, url, res)]; null me = public.
const routes = [
  ["GET", "/setup", (_, p, b, url, res, req) => ({ signed_in: (() => { try { signedIn(req); return true; } catch { return false; } })(), demo_url: "http://127.0.0.1:8081/", version: "mock", limits: { body: 10000, file_bytes: 26214400, files: 10 } }), true],
  ["POST", "/session", (_, p, b, url, res) => { const t = world.teammates.find((x) => x.email === b.email); if (!t || b.password === "wrong") throw new Refused(401, "wrong_credentials"); return begin(res, t); }, true],
  ["POST", "/session/link", (_, p, b, url, res) => { const id = world.links[b.token]; if (!id) throw new Refused(401, "link_invalid"); delete world.links[b.token]; return begin(res, find(world.teammates, id)); }, true],
  ["DELETE", "/session", () => undefined],
  ["GET", "/me", (me) => meOf(me)],
  ["PATCH", "/me", (me, p, b) => { Object.assign(me, b); broadcast({ kind: "teammate", data: { teammate: me } }); return meOf(me); }],
  ["PUT", "/me/password", (me) => { me.has_password = true; return undefined; }],
  ["GET", "/teammates", () => ({ items: world.teammates })],
  ["POST", "/teammates", (me, p, b) => { if (world.teammates.some((t) => t.email === b.email)) throw new Refused(422, "email_taken", {}, [{ field: "email", code: "email_taken" }]); const t = { ...world.teammates[1], scope: "all", account_ids: [], team_ids: [], ...b, id: newId(), disabled: false, has_password: false, last_seen_at: null, created_at: iso(Date.now()) }; world.teammates.push(t); const l = link(t.id); return { teammate: t, invite_url: l.url, expires_at: l.expires_at }; }],
  ["PATCH", "/teammates/:id", (me, p, b) => { const t = Object.assign(find(world.teammates, p.id), b); broadcast({ kind: "teammate", data: { teammate: t } }); return t; }],
  ["POST", "/teammates/:id/link", (me, p) => link(p.id)],
  ["GET", "/teams", () => ({ items: world.teams })],
  ["POST", "/teams", (me, p, b) => { const t = { id: newId(), ...b }; world.teams.push(t); return t; }],
  ["PATCH", "/teams/:id", (me, p, b) => Object.assign(find(world.teams, p.id), b)],
  ["DELETE", "/teams/:id", (me, p) => { world.teams = world.teams.filter((t) => t.id !== p.id); return undefined; }],
  ["GET", "/accounts", () => ({ items: world.accounts })],
  ["POST", "/accounts/check", (me, p, b) => ({ items: check(b) })],
  ["POST", "/accounts", (me, p, b) => { const { secrets = {}, ...rest } = b; b = { ...rest, secrets: Object.keys(secrets), health: { ok: true, code: "", since: null } }; const a = { id: newId(), key: `wc_${newId().slice(-8)}`, status: "active", sandbox: false, has_identity_secret: false, created_at: iso(Date.now()), ...b }; world.accounts.push(a); return a; }],
  ["PATCH", "/accounts/:id", (me, p, b) => { const { secrets, ...rest } = b; const a = Object.assign(find(world.accounts, p.id), rest); if (secrets) a.secrets = [...new Set([...a.secrets, ...Object.keys(secrets)])].filter((n) => secrets[n] !== ""); return a; }],
  ["DELETE", "/accounts/:id", (me, p) => { find(world.accounts, p.id).status = "disabled"; return undefined; }],
  ["POST", "/accounts/:id/identity-secret", (me, p) => { find(world.accounts, p.id).has_identity_secret = true; return { secret: "9f1c7d0e5a4b38c26f81b7e94d3a50c1" }; }],
  ["GET", "/conversations/counts", (me) => counts(me)],
  ["GET", "/conversations", (me, p, b, url) => listConversations(me, url)],
  ["GET", "/conversations/:id", (me, p) => withRead(me, find(world.conversations, p.id))],
  ["PATCH", "/conversations/:id", (me, p, b) => patchConversation(me, find(world.conversations, p.id), b)],
  ["GET", "/conversations/:id/messages", (me, p, b, url) => {
    const all = world.messages[p.id] ?? [];
    const limit = Number(url.searchParams.get("limit") ?? 50);
    const before = url.searchParams.get("before_seq");
    const after = url.searchParams.get("after_seq");
    if (after !== null) { const rest = all.filter((m) => m.seq > Number(after)); return { items: rest.slice(0, limit), has_more_before: Number(after) > 0, has_more_after: rest.length > limit }; }
    const older = before ? all.filter((m) => m.seq < Number(before)) : all;
    return { items: older.slice(-limit), has_more_before: older.length > limit, has_more_after: Boolean(before) };
  }],
  ["POST", "/conversations/:id/messages", (me, p, b) => sendMessage(me, find(world.conversations, p.id), b)],
  ["POST", "/conversations/:id/read", (me, p, b) => { const c = find(world.conversations, p.id); const cursor = { read_seq: b.seq, read_inbound_count: world.messages[c.id].filter((m) => m.direction === "in" && m.seq <= b.seq).length }; world.reads[`${me.id}:${c.id}`] = cursor; broadcast({ kind: "read", data: { conversation_id: c.id, ...cursor } }, me.id); return { conversation_id: c.id, ...cursor }; }],
  ["GET", "/conversations/:id/draft", (me, p) => world.drafts[`${me.id}:${p.id}`] ?? { body: "", kind: "text" }],
  ["PUT", "/conversations/:id/draft", (me, p, b) => { world.drafts[`${me.id}:${p.id}`] = b; broadcast({ kind: "draft", data: { conversation_id: p.id, ...b } }, me.id); return undefined; }],
  ["DELETE", "/conversations/:id/draft", (me, p) => { delete world.drafts[`${me.id}:${p.id}`]; return undefined; }],
  ["GET", "/deliveries", (me, p, b, url) => { const all = troubles(world, url.searchParams.get("state") ?? "all"); return { ...page(all, url), ...(url.searchParams.get("total") ? { total: all.length } : {}) }; }],
  ["GET", "/inbound", () => ({ items: world.inbound })],
  ["POST", "/inbound/:id/retry", (me, p) => { world.inbound = world.inbound.filter((f) => f.id !== p.id); return undefined; }],
  ["POST", "/deliveries/:id/retry", (me, p) => { for (const list of Object.values(world.messages)) for (const m of list) if (m.delivery?.id === p.id) return (m.delivery = { ...m.delivery, state: "sent", attempt: m.delivery.attempt + 1, error_code: null, updated_at: iso(Date.now()) }); throw new Refused(404, "not_found"); }],
  ["GET", "/customers", (me, p, b, url) => { const q = (url.searchParams.get("q") ?? "").toLowerCase(); const [stage, tag] = ["stage", "tag"].map((n) => url.searchParams.get(n)); const found = world.customers.filter((c) => c.label.toLowerCase().includes(q) && (!stage || (c.stage?.key ?? "-") === stage) && (!tag || c.tags.includes(tag))); return { ...page(found, url), total: found.length }; }],
  ["PUT", "/customers/:id/stage", (me, p, b) => { const c = moveStage(world, me, find(world.customers, p.id), b); broadcast({ kind: "customer", data: { customer: c } }); return c; }],
  ["GET", "/customers/:id/stage-changes", (me, p, b, url) => page(world.stageChanges[p.id] ?? [], url)],
  ["PUT", "/customers/:id/tags", (me, p, b) => { const c = find(world.customers, p.id); c.tags = [...c.tags.filter((x) => !b.remove.includes(x)), ...b.add]; return c; }],
  ["GET", "/tags", () => tagsOf(world)],
  ["GET", "/stages", () => stagesOf(world)],
  ["GET", "/stages/movement", () => movement()],
  ["PUT", "/stages/order", (me, p, b) => { world.stages = b.keys.map((k) => world.stages.find((x) => x.key === k)); return stagesOf(world); }],
  ["POST", "/stages", (me, p, b) => { world.stages.push({ ...b, position: world.stages.length + 1, built_in: false }); return b; }],
  ["PATCH", "/stages/:id", (me, p, b) => Object.assign(world.stages.find((x) => x.key === p.id), b)],
  ["DELETE", "/stages/:id", (me, p) => { world.stages = world.stages.filter((x) => x.key !== p.id); return undefined; }],
  ["GET", "/event-names", eventNames],
  ["GET", "/attribute-names", attributeNames],
  ["GET", "/events", (me, p, b, url) => page(eventsOf(world), url)],
  ["GET", "/tracking/calls", (me, p, b, url) => page(callsOf(world).filter((c) => !url.searchParams.get("status") || c.status === url.searchParams.get("status")), url)],
  ["GET", "/write-keys", () => ({ items: world.writeKeys })],
  ["POST", "/write-keys", (me, p, b) => { const k = { id: newId(), ...b, created_at: iso(Date.now()), last_used_at: null, revoked_at: null }; world.writeKeys.push(b.kind === "browser" ? { ...k, key: "fwb_new" } : k); return { ...k, key: `fw${b.kind[0]}_4f1c0d9a7e` }; }],
  ["DELETE", "/write-keys/:id", (me, p) => { find(world.writeKeys, p.id).revoked_at = iso(Date.now()); return undefined; }],
  ["GET", "/sending", () => world.sending],
  ["PUT", "/sending", (me, p, b) => (world.sending = b)],
  ["GET", "/segments", () => ({ items: world.segments })],
  ["POST", "/segments", (me, p, b) => putSegment(world, b)],
  ["POST", "/segments/preview", (me, p, b) => previewOf(world, b)],
  ["POST", "/segments/why", (me, p, b) => whyOf(world, b.rule, find(world.customers, b.customer_id))],
  ["GET", "/segments/:id", (me, p) => ({ ...find(world.segments, p.id), fresh_at: iso(Date.now()) })],
  ["PUT", "/segments/:id", (me, p, b) => Object.assign(find(world.segments, p.id), b, { version: b.version + 1 })],
  ["DELETE", "/segments/:id", (me, p) => { world.segments = world.segments.filter((x) => x.id !== p.id); return undefined; }],
  ["GET", "/segments/:id/members", (me, p, b, url) => page(membersOf(world, find(world.segments, p.id)), url)],
  ["GET", "/segments/:id/changes", (me, p, b, url) => page(changesOf(world, find(world.segments, p.id)), url)],
  ["POST", "/segments/:id/rebuild", () => undefined],
  ["GET", "/customers/:id", (me, p) => find(world.customers, p.id)],
  ["PATCH", "/customers/:id", (me, p, b) => { const c = Object.assign(find(world.customers, p.id), b); c.label = c.name || c.label; broadcast({ kind: "customer", data: { customer: c } }); return c; }],
  ["GET", "/customers/:id/identities", (me, p) => ({ items: world.identities[p.id] ?? [] })],
  ["DELETE", "/identities/:id/suppression", (me, p) => { for (const list of Object.values(world.identities)) for (const i of list) if (i.id === p.id) i.suppressed = null; return undefined; }],
  ["GET", "/customers/:id/timeline", (me, p, b, url) => page(timelineOf(world, p.id), url)],
  ["GET", "/customers/:id/consents", (me, p) => consentsOf(world, p.id)],
  ["POST", "/customers/:id/consents", (me, p, b) => setConsent(world, p.id, me, b)],
  ["GET", "/customers/:id/merges", (me, p, b, url) => page(mergesOf(world, p.id), url)],
  ["GET", "/customers/:id/merge-preview", (me, p, b, url) => preview(world, find(world.customers, p.id), find(world.customers, url.searchParams.get("with")))],
  ["POST", "/customers/:id/merge", (me, p, b) => { const m = merge(world, me, find(world.customers, p.id), find(world.customers, b.absorb)); broadcast({ kind: "customer", data: { customer: find(world.customers, p.id) } }); broadcast({ kind: "customer_merged", data: { customer_id: b.absorb, into_id: p.id } }); return m; }],
  ["POST", "/merges/:id/undo", (me, p) => undo(world, me, find(world.merges, p.id))],
  ["GET", "/contradictions", (me, p, b, url) => page(contradictionsOf(world, url.searchParams.get("customer_id")), url)],
  ["GET", "/customers/:id/events", (me, p, b, url) => page(world.events[p.id] ?? [], url)],
  ["GET", "/tokens", () => ({ items: world.tokens })],
  ["POST", "/tokens", (me, p, b) => { const token = { id: newId(), ...b, created_at: iso(Date.now()), last_used_at: null }; world.tokens.push(token); return { token, secret: "fw_5c1e0b7a9d2f4e63" }; }],
  ["DELETE", "/tokens/:id", (me, p) => { world.tokens = world.tokens.filter((t) => t.id !== p.id); return undefined; }],
].map(([method, pattern, run, open]) => ({ method, run, open, match: new RegExp(`^${pattern.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`) }));

async function handleApi(req, res, url, raw) {
  const path = url.pathname.slice("/api/v1".length);
  const file = /^\/files\/(\w+)$/.exec(path);
  if (req.method === "GET" && file && world.files[file[1]]) {
    const f = world.files[file[1]];
    res.setHeader("Content-Type", f.attachment.content_type);
    return res.end(f.data);
  }
  const mail = /^\/mail\/(\w+)$/.exec(path);
  if (req.method === "GET" && mail && world.mails[mail[1]]) {
    const pictures = url.searchParams.get("pictures") === "1" ? " https:" : "";
    res.setHeader("Content-Type", "text/html; charset=utf-8");
    res.setHeader("Content-Security-Policy", `sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:${pictures}`);
    return res.end(world.mails[mail[1]]);
  }
  const open = routes.find((r) => r.open && r.method === req.method && r.match.test(path));
  const me = open ? null : signedIn(req);
  if (req.method !== "GET" && !req.headers["x-fanward-csrf"]) throw new Refused(403, "csrf_refused");
  if (req.method === "POST" && path === "/files") return answer(res, upload(raw, req.headers["content-type"]));
  const route = open ?? routes.find((r) => r.method === req.method && r.match.test(path));
  if (!route) throw new Refused(404, "not_found");
  const body = raw.length ? JSON.parse(raw.toString()) : {};
  return answer(res, route.run(me, route.match.exec(path).groups ?? {}, body, url, res, req));
}
function answer(res, value) {
  if (value === undefined) return res.writeHead(204).end();
  res.setHeader("Content-Type", "application/json");
  return res.end(JSON.stringify(value));
}

function control(path, body) {
  if (path === "/mock/inbound") return inbound(body);
  if (path === "/mock/typing") return hint({ t: "typing", conversation_id: body.conversation_id, from: "customer", on: true });
  if (path === "/mock/close") return [...sockets].forEach((s) => s.close(body.code));
  if (path === "/mock/fail-send") failNextSend = body;
  return { conversations: world.conversations.slice(0, 12).map((c) => c.id) };
}

function serveFile(res, path) {
  const wanted = normalize(join(dist, path));
  const file = wanted.startsWith(dist) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(dist, "index.html");
  res.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(res);
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, "http://mock");
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  try {
    if (url.pathname.startsWith("/mock/")) return answer(res, control(url.pathname, raw.length ? JSON.parse(raw.toString()) : {}) ?? {});
    if (url.pathname.startsWith("/api/v1/")) return await handleApi(req, res, url, raw);
    return serveFile(res, url.pathname);
  } catch (error) {
    const known = error instanceof Refused;
    if (!known) console.error(error);
    res.writeHead(known ? error.status : 500, { "Content-Type": "application/problem+json" });
    return res.end(JSON.stringify({ type: "about:blank", status: known ? error.status : 500, code: known ? error.code : "internal", params: error.params ?? {}, detail: known ? `Refused: ${error.code}.` : "The mock broke.", request_id: "mock", errors: error.errors ?? [] }));
  }
});

server.on("upgrade", (req, stream) => {
  let me;
  try {
    me = signedIn(req);
  } catch {
    stream.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    return;
  }
  const socket = acceptSocket(req, stream, {
    frame(frame) {
      if (frame.t === "hello") {
        socket.me = me;
        const resumed = frame.after !== null && Number(frame.after) === position;
        socket.send({ t: "hello", position: String(position), resumed, server_time: iso(Date.now()), node: "mock", online: ["1001", "1002"] });
      } else if (frame.t === "ping") socket.send({ t: "pong", server_time: iso(Date.now()) });
      else if (frame.t === "view") {
        const before = socket.view?.id;
        socket.view = frame.conversation_id ? { id: frame.conversation_id, mode: frame.mode } : null;
        if (before !== socket.view?.id) tellViewers(before);
        tellViewers(socket.view?.id);
      }
    },
    closed: () => sockets.delete(socket),
  });
  sockets.add(socket);
});

const port = Number(process.env.PORT ?? 8080);
server.listen(port, "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${port}`));
