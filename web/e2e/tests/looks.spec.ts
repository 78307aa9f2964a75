import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import { type Page, expect, test } from "@playwright/test";

import { Api, Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";

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
  { name: "en-light", locale: "en", scheme: "light", width: 1440 },
  { name: "zh-dark", locale: "zh-CN", scheme: "dark", width: 1440 },
  { name: "zh-phone", locale: "zh-CN", scheme: "light", width: 390 },
  { name: "en-dark-phone", locale: "en", scheme: "dark", width: 390 },
] as const;

for (const look of looks) {
  test(`every page in ${look.name}`, async ({ browser }) => {
    test.setTimeout(240_000);
    const hub = await Hub.start();
    try {
      const api = Api.owner(hub);
      const options = { locale: look.locale, colorScheme: look.scheme, viewport: { width: look.width, height: look.width < 500 ? 844 : 900 } };
      const ming = await Visitor.at(browser, hub.shopURL, options);
      await ming.write("你好，请问这款龙井还有货吗？ I would like two tins.");
      await ming.sees("龙井");
      const { items } = await api.call<{ items: { id: string; customer: { id: string } }[] }>("GET", "/conversations");
      await api.call("POST", `/conversations/${items[0]!.id}/messages`, { client_key: "1", kind: "text", body: "有的，今天就能发货。", attachment_ids: [] });
      await api.call("POST", `/conversations/${items[0]!.id}/messages`, { client_key: "2", kind: "note", body: "Regular customer.", attachment_ids: [] });
      await ming.sees("今天就能发货");
      await accessible(ming.page, "shop with widget");
      await ming.page.screenshot({ path: `${shots}/${look.name}-widget.png` });
      await noSidewaysScroll(ming.page);

      const me = await api.invite("Lin", "owner", { locale: look.locale });
      const lin = await Teammate.signIn(browser, me.link, options);
      const pages = ["/inbox", `/inbox/${items[0]!.id}`, "/customers", `/customers/${items[0]!.customer.id}`, "/teammates", "/teams", "/accounts", "/tokens", "/preferences", "/accounts/new"];
      for (const path of pages) {
        await lin.page.goto(hub.url + path);
        await expect(lin.page.locator("main, [role=main]").first()).toBeVisible();
        await lin.page.screenshot({ path: `${shots}/${look.name}${path.replaceAll("/", "-").replace(/\d{9,}/g, "one")}.png` });
        await accessible(lin.page, path);
        if (look.width < 500) await noSidewaysScroll(lin.page);
      }
    } finally {
      await hub.stop();
    }
  });
}
