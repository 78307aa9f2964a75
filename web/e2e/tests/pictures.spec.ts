// Makes the README's picture: FANWARD_SCREENSHOTS=1 npx playwright test pictures
import { statSync } from "node:fs";
import { resolve } from "node:path";

import { type Browser, expect, test } from "../src/test";

import { visitorWrites } from "../src/hub";
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
