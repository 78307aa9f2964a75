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

async function noSidewaysScroll(page: Page): Promise<void> {
  const { width, content } = await page.evaluate(() => ({ width: innerWidth, content: document.documentElement.scrollWidth }));
  expect(content).toBeLessThanOrEqual(width);
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
