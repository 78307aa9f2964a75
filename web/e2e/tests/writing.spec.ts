import { type Locator, type Page, expect, test } from "../src/test";

import { Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";

/** Types with an input method: the Enter that takes a candidate belongs to it. */
async function compose(page: Page, field: Locator, text: string): Promise<void> {
  await field.focus();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Input.imeSetComposition", { text: "ni", selectionStart: 2, selectionEnd: 2 });
  // What Chromium sends for a key that the input method takes: code 229, while composing.
  await cdp.send("Input.dispatchKeyEvent", { type: "rawKeyDown", windowsVirtualKeyCode: 229, key: "Enter", code: "Enter" });
  await cdp.send("Input.insertText", { text });
  await cdp.send("Input.dispatchKeyEvent", { type: "keyUp", windowsVirtualKeyCode: 13, key: "Enter", code: "Enter" });
  await cdp.detach();
}

test("an input method's Enter does not send, the next one does", async ({ browser }) => {
  const hub = await Hub.start();
  try {
    const lin = await Teammate.signIn(browser, hub.ownerLink());
    const ming = await Visitor.at(browser, hub.shopURL);
    await ming.open();
    const input = ming.page.getByTestId("input");
    await compose(ming.page, input, "你好");
    await expect(input).toHaveValue("你好");
    await expect(ming.messages()).toHaveCount(0);
    // An Enter right behind the composition still belongs to the input method
    // (Safari ends it first), so a person's next one comes a moment later.
    await expect(async () => {
      await input.press("Enter");
      await expect(ming.messages()).toHaveCount(1, { timeout: 1_000 });
    }).toPass();
    await ming.sees("你好");

    await lin.page.getByTestId("view-all").click();
    await lin.openRow("你好");
    const composer = lin.page.getByTestId("composer-input");
    await compose(lin.page, composer, "您好");
    await expect(composer).toHaveValue("您好");
    await expect(lin.message("您好")).toHaveCount(0);
    await expect(async () => {
      await composer.press("Control+Enter");
      await expect(lin.message("您好")).toHaveCount(1, { timeout: 1_000 });
    }).toPass();
    await lin.sees("您好");
    await ming.sees("您好");
  } finally {
    await hub.stop();
  }
});

test("HTML is text on both sides, and a draft follows its writer", async ({ browser }) => {
  const hub = await Hub.start();
  try {
    const lin = await Teammate.signIn(browser, hub.ownerLink());
    const ming = await Visitor.at(browser, hub.shopURL);
    const markup = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>";
    await ming.write(markup);
    await lin.page.getByTestId("view-all").click();
    await lin.openRow("<b>bold</b>");
    await lin.sees(markup);
    await lin.reply(markup + " back");
    await ming.sees(markup + " back");
    for (const p of [lin.page, ming.page]) expect(await p.title()).not.toContain("owned");

    await lin.page.getByTestId("composer-input").fill("half a sentence");
    const saved = lin.page.waitForResponse((r) => r.url().endsWith("/draft") && r.request().method() === "PUT" && r.ok());
    await saved;
    const other = await browser.newContext({ storageState: await lin.page.context().storageState({ indexedDB: false }) });
    const page = await other.newPage();
    await page.goto(lin.page.url());
    await expect(page.getByTestId("composer-input")).toHaveValue("half a sentence");
  } finally {
    await hub.stop();
  }
});
