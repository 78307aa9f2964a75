import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import { type Browser, type BrowserContext, type Page, expect, test } from "../src/test";

import { furnishBehaviour } from "../src/behaviour";
import { Teammate, Visitor, arrive } from "../src/people";
import { sharedHub } from "../src/shared";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = resolve(import.meta.dirname, "../test-results/screens");

/** Fails on what axe calls serious or critical. */
async function accessible(page: Page, where: string): Promise<void> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: { run: (o: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> } }).axe.run({
      resultTypes: ["violations"],
    });
    return violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
  });
  expect(found, where).toEqual([]);
}

/** Fails on a page that runs sideways, also where the excess is only cut off. */
async function noSidewaysScroll(page: Page, where = page.url()): Promise<void> {
  const over = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll(".ui-page, .pane-main, .panel, .stage-column")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `${e.tagName}.${e.className}: ${e.scrollWidth} in ${e.clientWidth}`));
  expect(over, where).toEqual([]);
}

/** A refusal that is told at length: it is whole, in the window, and not over "Send". */
async function longNotice(page: Page, shot: string): Promise<void> {
  const asked = /\/conversations\/[^/]+$/;
  await page.route(asked, (route) =>
    route.request().method() === "PATCH"
      ? route.fulfill({ status: 422, contentType: "application/problem+json", body: JSON.stringify({ status: 422, code: "reply_allowance_short" }) })
      : route.continue(),
  );
  await page.getByTestId("action-resolve").click();
  const said = page.locator("span[role=alert]");
  await expect(said).toBeVisible();
  await page.screenshot({ path: shot });
  const box = (await page.locator(".ant-message-notice").boundingBox())!;
  const text = (await said.boundingBox())!;
  const list = (await page.locator(".ant-message-list").boundingBox())!;
  const send = (await page.getByTestId("composer-send").boundingBox())!;
  const { width, height } = page.viewportSize()!;
  const inside = (a: typeof box, b: typeof box) => a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;
  expect(inside(text, box), "the text in its box").toBe(true);
  expect(inside(box, list), "the box in what shows of its list").toBe(true);
  expect(inside(box, { x: 0, y: 0, width, height }), "the box in the window").toBe(true);
  expect(box.x + box.width <= send.x || box.y + box.height <= send.y || send.y + send.height <= box.y, "Send is free").toBe(true);
  await page.unroute(asked);
}

const looks = [
  { name: "en-light", locale: "en", scheme: "light", width: 1440, long: true },
  { name: "zh-dark", locale: "zh-CN", scheme: "dark", width: 1440, long: false },
  { name: "zh-phone", locale: "zh-CN", scheme: "light", width: 390, long: true },
  { name: "en-dark-phone", locale: "en", scheme: "dark", width: 390, long: true },
] as const;

const shared = sharedHub();
let cookies: Awaited<ReturnType<BrowserContext["cookies"]>> = [];
let pages: string[] = [];

/** Signs in and fills the hub, once for all looks. */
async function furnish(browser: Browser): Promise<void> {
  if (pages.length > 0) return;
  const { hub, api } = shared;
  const ming = await Visitor.at(browser, hub.shopURL);
  await ming.write("你好，请问这款龙井还有货吗？ I would like two tins.");
  await ming.sees("龙井");
  await expect(ming.messages().first()).toHaveAttribute("data-seq", /\d/);
  const one = (await api.call<{ items: { id: string; customer: { id: string } }[] }>("GET", "/conversations")).items[0]!;
  await api.call("POST", `/conversations/${one.id}/messages`, { client_key: "1", kind: "text", body: "有的，今天就能发货。", attachment_ids: [] });
  await api.call("POST", `/conversations/${one.id}/messages`, { client_key: "2", kind: "note", body: "Regular customer.", attachment_ids: [] });
  const { segment, used, ming: buyer } = await furnishBehaviour(hub, api);
  const templates = (await api.call<{ items: { key: string; name_zh: string; graph_zh: object }[] }>("GET", "/journey-templates")).items;
  const invite = templates.find((t) => t.key === "invite")!;
  const journey = (await api.call<{ id: string }>("POST", "/journeys", { name: invite.name_zh, graph: invite.graph_zh })).id;
  for (const [title, hours] of [["给阿明打电话介绍会员权益", -3], ["Send the new catalogue", 2], ["Ask again in spring", 800]] as const) {
    await api.call("POST", "/tasks", { title, customer_id: one.customer.id, conversation_id: one.id, due_at: new Date(Date.now() + hours * 3_600_000).toISOString() });
  }
  const accounts = (await api.call<{ items: { id: string }[] }>("GET", "/accounts")).items;
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "owner")).link);
  cookies = await lin.page.context().cookies();
  await ming.page.context().close();
  await lin.page.context().close();
  pages = ["/inbox", `/inbox/${one.id}`, "/customers", `/customers/${one.customer.id}`, "/teammates", "/teams", "/accounts", ...accounts.map((a) => `/accounts/${a.id}`), "/accounts/new", "/accounts/new?channel=wechat", "/accounts/new?channel=email", "/deliveries", "/tokens", "/preferences"];
  pages.push(`/customers/${buyer}`, "/customers?stage=customer&tag=vip", "/segments", "/segments/new", `/segments/${segment}`, `/segments/${used}?tab=people`, `/segments/${used}?tab=history`, "/stages", "/events", "/events?tab=debugger", "/settings/write-keys", "/settings/sending");
  pages.unshift("/journeys", ...["?tab=canvas", "?tab=list", "?tab=people", "?tab=overview", "?tab=canvas&node=%24trigger"].map((search) => `/journeys/${journey}${search}`), "/tasks?whose=all");
}

for (const look of looks) {
  test(`every page in ${look.name}`, { tag: look.long ? "@long" : [] }, async ({ browser }) => {
    test.setTimeout(400_000);
    await furnish(browser);
    const { hub } = shared;
    const phone = look.width < 500;
    const options = { locale: look.locale, colorScheme: look.scheme, viewport: { width: look.width, height: phone ? 844 : 900 } };

    const ming = await Visitor.at(browser, hub.shopURL, options);
    await ming.write("Ming");
    await ming.sees("Ming");
    await ming.page.screenshot({ path: `${shots}/${look.name}-widget.png` });
    await accessible(ming.page, "shop with widget");
    await noSidewaysScroll(ming.page);
    await ming.page.context().setOffline(true);
    await ming.write("Later");
    await expect(ming.messages().filter({ hasText: "Later" })).toHaveAttribute("data-state", "sending");
    await accessible(ming.page, "a message that waits");
    await ming.page.context().setOffline(false);

    for (const [name, url] of Object.entries({ phones: hub.phoneURL, mailbox: hub.mailURL })) {
      const sandbox = await browser.newContext(options);
      const page = await sandbox.newPage();
      await arrive(page, url);
      await expect(page.getByRole("main")).toBeVisible();
      await expect(page.locator("html")).toHaveAttribute("lang", look.locale);
      await page.screenshot({ path: `${shots}/${look.name}-${name}.png` });
      await accessible(page, name);
      if (phone) await noSidewaysScroll(page);
      await sandbox.close();
    }

    const context = await browser.newContext({ ...options, storageState: { cookies, origins: [] } });
    const page = await context.newPage();
    await context.request.patch(`${hub.url}/api/v1/me`, { headers: { "X-Fanward-CSRF": "1" }, data: { locale: look.locale, theme: "system" } });
    for (const path of pages) {
      await page.goto(hub.url + path);
      await new Teammate(page).connected();
      await expect(page.locator("html")).toHaveAttribute("lang", look.locale);
      await expect(page.locator(".ui-skeleton")).toHaveCount(0);
      await page.screenshot({ path: `${shots}/${look.name}${path.replaceAll(/[/?=&]/g, "-").replace(/\d{9,}/g, "one")}.png` });
      await accessible(page, path);
      if (phone) await noSidewaysScroll(page);
    }
    await context.close();
  });
}

for (const { name, locale, width, scheme } of [
  { name: "en-1440", locale: "en", width: 1440, scheme: "light" },
  { name: "en-1024", locale: "en", width: 1024, scheme: "dark" },
  { name: "en-390", locale: "en", width: 390, scheme: "light" },
  { name: "zh-390", locale: "zh-CN", width: 390, scheme: "dark" },
] as const) {
  test(`what is long has room (${name})`, async ({ browser }) => {
    await furnish(browser);
    const { hub, api } = shared;
    const context = await browser.newContext({ locale, colorScheme: scheme, viewport: { width, height: width < 500 ? 844 : 900 } });
    if (!(await api.call<{ items: { channel: string }[] }>("GET", "/conversations")).items.some((c) => c.channel === "email")) {
      const mail = await context.newPage();
      await arrive(mail, hub.mailURL);
      await mail.getByTestId("compose").click();
      await mail.getByTestId("subject").fill("请问上周订购的两罐龙井什么时候可以发货谢谢".repeat(3));
      await mail.getByTestId("text").fill("在等。");
      await mail.getByTestId("send").click();
      await expect(mail.getByTestId("mail")).toHaveCount(1);
      await mail.close();
    }
    const written = async () => (await api.call<{ items: { id: string; channel: string; customer: { id: string } }[] }>("GET", "/conversations")).items.find((c) => c.channel === "email");
    await expect.poll(written).toBeTruthy();
    const { id, customer } = (await written())!;
    await api.call("PUT", `/customers/${customer.id}/stage`, { stage: "customer", reason: "" });
    await context.addCookies(cookies);
    const page = await context.newPage();
    await context.request.patch(`${hub.url}/api/v1/me`, { headers: { "X-Fanward-CSRF": "1" }, data: { locale, theme: "system" } });
    for (const path of [`/customers/${customer.id}`, "/stages", `/inbox/${id}`]) {
      await page.goto(hub.url + path);
      await new Teammate(page).connected();
      await expect(page.locator(".ui-skeleton")).toHaveCount(0);
      if (path === "/stages") await expect(page.getByTestId("stage-card").first()).toBeVisible();
      await page.screenshot({ path: `${shots}/long-${name}${path.replaceAll(/[/?=&]/g, "-").replace(/\d{9,}/g, "one")}.png` });
      // As it reads for most of a stage's life.
      await page.evaluate(() => document.querySelectorAll(".standing-stage small").forEach((e) => (e.textContent = "entered 25 minutes ago")));
      await noSidewaysScroll(page, path);
    }
    // What needs a person stands apart from what was not understood.
    await page.goto(`${hub.url}/deliveries`);
    const apart = page.locator(".not-understood");
    await expect(apart).toBeVisible();
    const between = () => page.evaluate(() => document.querySelector(".not-understood")!.getBoundingClientRect().top - document.querySelector(".stack")!.getBoundingClientRect().bottom);
    await expect.poll(between).toBeGreaterThanOrEqual(24); // both parts are loaded
    // An address that leads nowhere leaves the ways to everywhere else.
    await page.goto(`${hub.url}/nowhere/at-all`);
    await expect(page.getByTestId("nav-inbox")).toBeVisible();
    await page.screenshot({ path: `${shots}/long-${name}-nowhere.png` });
    const cut = await page.locator(".rail-word").evaluateAll((words) => words.filter((w) => w.scrollWidth > w.clientWidth).map((w) => w.textContent));
    expect(cut, "the names below").toEqual([]);
    await page.goto(`${hub.url}/inbox/${id}`);
    await longNotice(page, `${shots}/long-${name}-notice.png`);
    await context.close();
  });
}
