// Makes the pictures of the README and the guides: FANWARD_SCREENSHOTS=1 npx playwright test pictures
import { statSync } from "node:fs";
import { resolve } from "node:path";

import { type Browser, expect, test } from "../src/test";

import { Api, Hub, visitorWrites } from "../src/hub";
import { Teammate, Visitor } from "../src/people";
import { sharedHub } from "../src/shared";

const shared = sharedHub();
const images = resolve(import.meta.dirname, "../../../docs/images");
const LARGEST = 250_000;

/** Puts pictures beside each other on one quiet ground. */
async function compose(browser: Browser, file: string, parts: { picture: Buffer; x: number; y: number }[]): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const img = parts.map(({ picture, x, y }) => `<img style="left:${x}px;top:${y}px" src="data:image/png;base64,${picture.toString("base64")}">`);
  await page.setContent(`<style>body{margin:0;background:#dfe7e5}img{position:absolute;border-radius:12px;box-shadow:0 0 0 1px #c3cfcc}</style>${img.join("")}`);
  await page.screenshot({ path: file });
  await page.close();
  expect(statSync(file).size, file).toBeLessThan(LARGEST);
}

test("the first conversation", async ({ browser }) => {
  const { hub, api } = shared;
  const quiet = { reducedMotion: "reduce" as const, timezoneId: "Asia/Shanghai" };
  for (const [name, text] of [
    ["Sofia Almeida", "Do you ship to Lisbon?"],
    ["陈思远", "发票可以开公司抬头吗？"],
    ["Jonas Weber", "The Keemun arrived today. Thank you."],
    ["李梅", "好的，那我周五来店里取。"],
  ] as const) {
    const { conversation } = await visitorWrites(hub, [text]);
    const { customer } = await api.call<{ customer: { id: string } }>("GET", `/conversations/${conversation}`);
    await api.call("PATCH", `/customers/${customer.id}`, { name });
  }
  const wei = await Teammate.signIn(browser, (await api.invite("Wei", "agent")).link, quiet, "Wei");
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link, { ...quiet, viewport: { width: 1048, height: 820 } });

  const ming = await Visitor.at(browser, hub.shopURL, { ...quiet, locale: "zh-CN", viewport: { width: 328, height: 700 } });
  await ming.page.goto(`${hub.shopURL}/#/tea/teapot`);
  const teapot = await ming.page.locator("article svg").screenshot();
  await ming.page.getByTestId("sign-in").click();
  await expect(ming.page.getByTestId("sign-out")).toBeVisible();
  await ming.write("你好，请问这款龙井还有货吗？");
  await lin.rows().filter({ hasText: "龙井" }).click();
  await lin.reply("您好，有的，今天就能发货。");
  await ming.sees("今天就能发货");
  await ming.page.getByTestId("attach").setInputFiles({ name: "teapot.png", mimeType: "image/png", buffer: teapot });
  await ming.write("And would this teapot go with it?");
  await lin.sees("And would this teapot go with it?");
  await wei.rows().filter({ hasText: "teapot" }).click();
  await wei.note("常客，满两件给包邮。");
  await lin.sees("满两件给包邮");
  await lin.reply("Very well. Take both and we ship them free.");
  await ming.sees("we ship them free");
  await ming.write("太好了，两件都要，谢谢！");
  await lin.sees("两件都要");
  await wei.page.context().close();
  await lin.page.getByTestId("action-assign-me").click();
  await expect(lin.page.locator(".pane-who")).toContainText("Lin");
  await lin.page.getByTestId("composer-input").fill("已为您留货，");
  await expect(ming.page.getByTestId("typing")).toBeVisible();
  await expect(lin.page.getByTestId("thread").locator("img")).toHaveJSProperty("complete", true);
  await expect(lin.page.locator(".ant-message-notice")).toHaveCount(0);
  const parts = [
    { picture: await lin.page.screenshot(), x: 28, y: 40 },
    { picture: await ming.page.screenshot(), x: 1092, y: 100 },
  ];
  await compose(browser, `${images}/first-conversation.png`, parts);
});

interface Conversations {
  items: { id: string; channel: string; assignee_id: string | null; status: string; last_seq: number }[];
}

/** A page of the console, once nothing moves any more. */
async function picture(lin: Teammate, path: string, ready: string, file: string): Promise<void> {
  await lin.goto(new URL(path, lin.page.url()).href);
  await expect(lin.page.getByTestId(ready).first()).toBeVisible();
  await expect(lin.page.locator(".ui-skeleton, .ant-spin-spinning")).toHaveCount(0);
  await lin.page.screenshot({ path: `${images}/${file}`, animations: "disabled" });
  expect(statSync(`${images}/${file}`).size, file).toBeLessThan(LARGEST);
}

for (const [locale, suffix, name] of [
  ["en", "", "Lin"],
  ["zh-CN", ".zh-CN", "Lin"],
] as const) {
  test(`a year of a shop (${locale})`, async ({ browser }) => {
    test.setTimeout(600_000);
    const hub = await Hub.start({ FANWARD_INSTALLATION_LOCALE: locale });
    try {
      await hub.kill();
      hub.command("demo", "--language", locale, "--people", "900");
      await hub.up({ FANWARD_INSTALLATION_LOCALE: locale });
      const lin = await Teammate.signIn(browser, hub.ownerLink(), { reducedMotion: "reduce", timezoneId: "Asia/Shanghai", locale, viewport: { width: 1360, height: 850 } }, name);
      const api = Api.owner(hub);
      const { items } = await api.call<Conversations>("GET", "/conversations?status=open&limit=100");
      const talk = items.filter((c) => c.channel === "wechat" && c.assignee_id).sort((a, b) => b.last_seq - a.last_seq)[0]!;
      await picture(lin, `/inbox/${talk.id}?view=all`, "thread", `inbox${suffix}.png`);
      if (locale !== "en") return;
      const segments = await api.call<{ items: { id: string; name: string }[] }>("GET", "/segments");
      await picture(lin, `/segments/${segments.items.find((s) => s.name === "Left in the cart")!.id}`, "preview-count", "segment.png");
      const journeys = await api.call<{ items: { id: string; name: string }[] }>("GET", "/journeys");
      await picture(lin, `/journeys/${journeys.items.find((j) => j.name === "Left in the cart")!.id}`, "node-people", "journey.png");
    } finally {
      await hub.stop();
    }
  });
}
