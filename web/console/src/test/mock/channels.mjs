// WeChat and e-mail in the mock's world: accounts, what their messages carry,
// allowances, deliveries in trouble, things that could not be read.
import { addMessage, iso, newId } from "./world.mjs";

const hour = 3_600_000;
const minute = 60_000;

export function addChannelAccounts(w) {
  const common = { status: "active", sandbox: false, has_identity_secret: false, created_at: iso(Date.now() - 60 * 24 * hour) };
  w.accounts.push(
    { ...common, id: "3003", channel: "wechat", name: "茶语 公众号", key: "wx_7q2k9d1m", config: { app_id: "wx0a1b2c3d4e5f6071", mode: "safe", previous_mode: "", api_base: "https://api.weixin.qq.com", erase_on_unsubscribe: true, welcome: { en: "", "zh-CN": "感谢关注！" }, default_locale: "zh-CN", open_platform: "" }, secrets: ["app_secret", "encoding_aes_key", "token"], health: { ok: true, code: "", since: null } },
    { ...common, id: "3004", channel: "email", name: "Support mail", key: "em_5r8w0x3z", config: { address: "support@shop.example", name: "Shop support", domain: "shop.example", smtp: { host: "mail.shop.example", port: 587, user: "support", tls: "starttls" } }, secrets: ["smtp_password"], health: { ok: false, code: "smtp_login_refused", params: { host: "mail.shop.example" }, since: iso(Date.now() - 3 * hour) } },
  );
  for (const a of w.accounts) {
    a.secrets ??= [];
    a.health ??= { ok: true, code: "", since: null };
  }
}

/** Which channel the conversation number i is on. */
export const channelFor = (i) => (i % 5 === 1 ? "wechat" : i % 5 === 3 ? "email" : "webchat");
export const accountFor = (i) => ({ wechat: "3003", email: "3004", webchat: i % 6 === 5 ? "3002" : "3001" })[channelFor(i)];

const grant = (trigger, count, left, ms) => ({ trigger, count, left, until: iso(Date.now() + ms) });

function allowanceFor(i) {
  switch (Math.floor(i / 5)) {
    case 0:
      return { grants: [grant("message", 5, 4, 46.4 * hour)] };
    case 1:
      return { grants: [grant("menu", 3, 3, 55_000), grant("message", 5, 3, 30 * hour)] };
    case 2:
      return { grants: [grant("message", 5, 1, 40 * minute)] };
    case 3:
      return { grants: [grant("message", 5, 0, 20 * hour)] };
    case 4:
      return { grants: [grant("message", 5, 2, -2 * hour)] };
    default:
      return { grants: [grant("message", 5, 5, 47 * hour)] };
  }
}

const customerOf = (c) => ({ kind: "customer", id: c.customer.id, name: c.customer.name });
const lin = { kind: "teammate", id: "1002", name: "林小雨" };
const delivery = (state, extra = {}) => ({ id: newId(), state, attempt: 1, error_code: null, updated_at: iso(Date.now() - 9 * minute), ...extra });

function furnishWechat(w, c, i, at) {
  c.allowance = allowanceFor(i);
  const system = { kind: "system", id: null, name: null };
  const activity = (code, params, when) => addMessage(w, c, { direction: "internal", kind: "activity", author: system, activity: { code, params } }, when);
  const heard = (body, payload, when) => Object.assign(addMessage(w, c, { direction: "in", kind: "text", author: customerOf(c), body }, when), { payload });
  activity("wechat_followed", { scene: "spring-sale" }, at - 30 * minute);
  heard("", { type: "location", latitude: 31.23971, longitude: 121.49004, scale: 16, label: "上海市黄浦区中山东一路（外滩）" }, at - 25 * minute);
  heard("", { type: "link", title: "春茶上市：明前龙井", description: "今年的第一批明前茶已经到店，数量有限。", url: "https://shop.example/tea/longjing" }, at - 24 * minute);
  activity("wechat_menu", { key: "今日优惠" }, at - 20 * minute);
  heard("", { type: "voice", media_id: "m-1", format: "amr" }, at - 15 * minute);
  heard("", { type: "image", state: "pending", media_id: "m-2" }, at - 14 * minute);
  heard("", { type: "image", state: "failed", media_id: "m-3" }, at - 13 * minute);
  heard("", { type: "wxcard", CardId: "p-88", raw: { MsgType: "wxcard", Foo: "bar" } }, at - 12 * minute);
  const sent = (body, d, when) => (addMessage(w, c, { direction: "out", kind: "text", author: lin, body }, when).delivery = d);
  sent("您好，门店今天营业到晚上九点。", delivery("delivered"), at - 11 * minute);
  sent("这是到店路线图。", delivery("unknown", { error_code: "send_interrupted" }), at - 10 * minute);
  sent("需要帮您留一罐吗？", delivery("failed", { error_code: "reply_allowance_spent" }), at - 9 * minute);
  if (i === 21) activity("wechat_unfollowed", {}, at - 2 * minute);
  activity("wechat_scanned", { scene: "店内海报" }, at - minute);
  heard("好的，谢谢！请帮我留一罐。", null, at);
}

const design = `<!doctype html><html><body style="margin:0;font:15px/1.6 sans-serif;color:#222">
<div style="max-width:560px;margin:0 auto;padding:24px"><h2 style="color:#7a1f3d">Order 20260311-88</h2><p>Dear shop,</p><p>the parcel arrived <b>yesterday</b>, but one of the two tins is dented. Pictures below.</p>
<table style="width:100%;border-collapse:collapse"><tr><td style="border:1px solid #ccc;padding:6px">Longjing 100 g</td><td style="border:1px solid #ccc;padding:6px">2</td></tr></table>
<p><img src="https://pictures.example/tin.png" width="300" height="160" alt="the tin"></p><p>Kind regards,<br>Anna</p></div></body></html>`;

function furnishEmail(w, c, i, at) {
  c.subject = i % 2 ? "Order 20260311-88 arrived damaged" : "发票抬头修改";
  const mail = Object.assign(addMessage(w, c, { direction: "in", kind: "text", author: customerOf(c), body: "Dear shop,\n\nthe parcel arrived yesterday, but one of the two tins is dented.\n\nKind regards,\nAnna" }, at - 30 * minute), {
    payload: { type: "mail", from: `customer${i}@example.com`, to: ["support@shop.example"], cc: ["Anna Schmidt <anna@example.com>", "buero@example.com"], subject: `Re: ${c.subject}` },
    quoted: "On 10 March 2026 at 09:12, Shop support wrote:\n> Your parcel is on its way.\n> It should arrive tomorrow.",
  });
  mail.html_url = `/api/v1/mail/${mail.id}`;
  w.mails[mail.id] = design;
  addMessage(w, c, { direction: "out", kind: "text", author: lin, body: "您好，我们今天补发一罐，运费由我们承担。" }, at - 20 * minute).delivery = delivery("sent");
  addMessage(w, c, { direction: "out", kind: "text", author: lin, body: "单号稍后发给您。" }, at - 19 * minute).delivery = delivery("queued", { attempt: 2, error_code: "send_failed" });
  Object.assign(addMessage(w, c, { direction: "in", kind: "text", author: customerOf(c), body: "I am out of the office until Monday." }, at), { payload: { type: "mail", from: `customer${i}@example.com`, to: ["support@shop.example"], cc: [], subject: "Automatic reply: away", automatic: true } });
}

/** Gives a conversation what its channel brings. */
export function furnish(w, c, i, at) {
  c.allowance = null;
  c.subject = null;
  if (c.channel === "wechat") furnishWechat(w, c, i, at);
  else if (c.channel === "email") furnishEmail(w, c, i, at);
}

/** What a sent message uses up. */
export function spend(c) {
  const usable = (c.allowance?.grants ?? []).filter((g) => g.left > 0 && Date.parse(g.until) > Date.now()).sort((a, b) => Date.parse(a.until) - Date.parse(b.until));
  if (usable[0]) usable[0].left--;
  return c.allowance;
}

/** What a customer's message allows. */
export function allow(c) {
  if (c.channel === "wechat") c.allowance = { grants: [grant("message", 5, 5, 48 * hour)] };
}

/** Deliveries that need a person, newest first. */
export function troubles(w, state) {
  const out = [];
  for (const c of w.conversations) {
    for (const m of w.messages[c.id]) {
      const d = m.delivery;
      if (!d || (d.state !== "failed" && d.state !== "unknown") || (state !== "all" && d.state !== state)) continue;
      out.push({ delivery: d, message_id: m.id, seq: m.seq, conversation_id: c.id, number: c.number, channel: c.channel, account_id: c.account_id, customer: c.customer, author_name: m.author.name, preview: m.body.slice(0, 120), created_at: m.created_at });
    }
  }
  return out.sort((a, b) => (a.delivery.updated_at < b.delivery.updated_at ? 1 : -1)).slice(0, 12);
}

export const failedInbound = () => [
  { id: newId(), account_id: "3004", channel: "email", attempt: 8, error_code: "mail_unreadable", received_at: iso(Date.now() - 5 * hour), failed_at: iso(Date.now() - 4 * hour) },
  { id: newId(), account_id: "3003", channel: "wechat", attempt: 8, error_code: "", received_at: iso(Date.now() - 26 * hour), failed_at: iso(Date.now() - 25 * hour) },
];

/** What trying a configuration finds; an app id that ends in 9 is not allowed from here, a host with "bad" refuses. */
export function check(body) {
  if (body.channel === "wechat") {
    if (/9$/.test(body.config.app_id ?? "")) return [{ name: "sign_in", ok: false, code: "wechat_ip_not_allowed", params: { ip: "203.0.113.24" } }];
    return [{ name: "sign_in", ok: true }];
  }
  if (/bad/.test(body.config.smtp?.host ?? "")) return [{ name: "connect", ok: true }, { name: "secure", ok: true }, { name: "sign_in", ok: false, code: "smtp_login_refused", params: { host: body.config.smtp.host } }];
  return ["connect", "secure", "sign_in", "sender"].map((name) => ({ name, ok: true }));
}
