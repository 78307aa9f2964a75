// The newcomer's walk: what the README's first minutes say, with nothing but what
// `make run` has printed. .ci/walk starts the program from a clean clone and names
// the printed addresses; without them the built binary is started here.
import { type Page, expect, test } from "@playwright/test";

import { Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";

/** Takes a step and prints how long it took. */
async function step<T>(name: string, act: () => Promise<T>): Promise<T> {
  const began = Date.now();
  const done = await test.step(name, act);
  console.log(`walk: ${name.padEnd(28)} ${((Date.now() - began) / 1000).toFixed(1)} s`);
  return done;
}

async function choose(page: Page, control: ReturnType<Page["locator"]>, option: string, typed?: string): Promise<void> {
  await control.click();
  if (typed !== undefined) await page.keyboard.type(typed);
  await page.locator(".ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option").filter({ hasText: option }).first().click();
}

async function orders(page: Page): Promise<void> {
  await page.goto(new URL("/", page.url()).href);
  await page.locator("[data-add]").first().click();
  await page.getByTestId("cart").click();
  await page.getByTestId("order").click();
  await expect(page.getByTestId("thanks")).toBeVisible();
}

test("sign in, first chat, first segment, first journey @long", async ({ browser }) => {
  test.setTimeout(300_000);
  const link = process.env["FANWARD_WALK_LINK"];
  const hub = link ? null : await Hub.start();
  const shopURL = process.env["FANWARD_WALK_SHOP"] ?? hub!.shopURL;
  try {
    const lin = await step("sign in by the link", () => Teammate.signIn(browser, link ?? hub!.ownerLink(), { locale: "en", viewport: { width: 1440, height: 900 } }, "Lin"));
    const { page } = lin;
    const ming = await Visitor.at(browser, shopURL, { locale: "en" });

    await step("first chat", async () => {
      await ming.write("Hello, is the Longjing in stock?");
      await lin.openRow("Longjing");
      await lin.reply("It is. Order today and it leaves tomorrow.");
      await ming.sees("It is. Order today and it leaves tomorrow.");
    });

    await step("first order", async () => {
      await ming.page.getByTestId("sign-in").click();
      await expect(ming.page.getByTestId("sign-out")).toBeVisible();
      await orders(ming.page);
    });

    await step("first segment", async () => {
      await page.getByTestId("nav-segments").click();
      await page.getByTestId("create-segment").click();
      await page.getByTestId("segment-name").fill("Regulars");
      await page.getByTestId("add-condition").click();
      await page.getByTestId("add-event").click();
      const row = page.getByTestId("rule-row");
      await choose(page, row.getByTestId("rule-name"), "Order Completed", "Order");
      await row.getByTestId("rule-value").getByRole("spinbutton").or(row.getByTestId("rule-value")).first().fill("2");
      await page.getByTestId("save").click();
      await expect(page.getByTestId("segment-size")).toContainText("0");
    });
    const segment = page.url();

    await step("first journey", async () => {
      await page.getByTestId("nav-journeys").click();
      await page.getByTestId("create-journey").click();
      await page.getByTestId("template-invite").click();
      await page.locator('[data-flow-card="$trigger"]').click();
      await choose(page, page.getByTestId("trigger-segment"), "Regulars");
      await expect(page.getByTestId("draft-state")).toHaveAttribute("data-state", "saved");
      await expect(page.getByTestId("problems")).toHaveAttribute("data-errors", "0");
      await page.getByTestId("publish").click();
      await page.getByTestId("dialog-submit").click();
      await expect(page.getByTestId("journey-state")).toHaveAttribute("data-state", "live");
    });
    const journey = page.url();

    await step("the second order starts it", async () => {
      await lin.goto(segment);
      await orders(ming.page);
      await expect(page.getByTestId("segment-size")).toContainText("1");
      await lin.goto(journey);
      await expect(page.getByTestId("node-people").first()).toContainText("1 came");
    });
  } finally {
    await hub?.stop();
  }
});
