// What visitors and teammates do, in their own words.
import { type Browser, type BrowserContext, type BrowserContextOptions, type Locator, type Page, expect } from "@playwright/test";

import { listen } from "./greetings";
import { acted } from "./midway";

/** A browser of somebody's own, whose sockets are listened to. */
async function own(browser: Browser, options: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.on("page", listen);
  await context.addInitScript(waitForWhatOpens);
  return context;
}

/**
 * What is still opening takes no click: it grows under the pointer, so that a
 * click on one entry would fall on its neighbour. Playwright tries again until a
 * click can land.
 */
function waitForWhatOpens(): void {
  const opening = ':is(.ant-dropdown, .ant-modal, .ant-select-dropdown, .ant-popover, .ant-picker-dropdown):is([class*="-enter"], [class*="-appear"])';
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${opening}, ${opening} * { pointer-events: none !important; }`);
  document.adoptedStyleSheets.push(sheet);
}

/** Goes to an address (or loads the page anew), again until somebody answers there. */
export async function arrive(page: Page, url?: string): Promise<void> {
  await expect(async () => {
    await (url === undefined ? page.reload() : page.goto(url));
  }).toPass({ timeout: 20_000 });
}

export class Visitor {
  constructor(readonly page: Page) {}

  static async at(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const page = await (await own(browser, options)).newPage();
    await arrive(page, url);
    return new Visitor(page);
  }

  async open(): Promise<void> {
    const panel = this.page.getByTestId("panel");
    if (!(await panel.isVisible())) await this.page.getByTestId("launcher").click();
    await expect(panel).toBeVisible();
  }

  async write(text: string): Promise<void> {
    await this.open();
    await this.page.getByTestId("input").fill(text);
    await this.page.getByTestId("input").press("Enter");
    acted();
  }

  /** The code with which a visitor who is signed in at the demo shop binds WeChat; asks again when there is none. */
  async bindCode(): Promise<string> {
    const dialog = this.page.getByTestId("bind-dialog");
    let code = "";
    await expect(async () => {
      await this.page.getByTestId("bind").click();
      await expect(dialog).toBeVisible();
      code = (await this.page.getByTestId("bind-copy").getAttribute("data-code")) ?? "";
      if (code) await expect(dialog.locator("img")).toBeVisible();
      await this.page.getByTestId("bind-close").click();
      expect(code).not.toBe("");
    }).toPass({ timeout: 30_000 });
    return code;
  }

  /** Messages of the thread, oldest first, as the visitor reads them. */
  messages(): Locator {
    return this.page.getByTestId("message");
  }

  async sees(text: string): Promise<void> {
    await expect(this.messages().filter({ hasText: text })).toHaveCount(1);
  }
}

export class Teammate {
  constructor(readonly page: Page) {}

  /** Follows a one-time link and, the first time, chooses name and password. */
  static async signIn(browser: Browser, link: string, options: BrowserContextOptions = {}, name = "Lin"): Promise<Teammate> {
    const page = await (await own(browser, options)).newPage();
    await page.goto(link);
    await page.getByTestId("sign-in-link-submit").click();
    await page.getByTestId("welcome-name").fill(name);
    const email = page.getByTestId("welcome-email"); // the first owner has none yet
    if (await email.isVisible()) await email.fill(`${name.toLowerCase()}@example.com`);
    await page.getByTestId("welcome-password").fill("correct horse battery");
    await page.getByTestId("welcome-submit").click();
    const t = new Teammate(page);
    await t.connected();
    return t;
  }

  /** A second device of the same person: another browser with the same sign-in. */
  async elsewhere(browser: Browser, options: BrowserContextOptions = {}): Promise<Teammate> {
    const page = await (await own(browser, { ...options, storageState: { cookies: await this.page.context().cookies(), origins: [] } })).newPage();
    await page.goto(this.page.url());
    const t = new Teammate(page);
    await t.connected();
    return t;
  }

  /** Opens an address of the console and waits until changes arrive live. */
  async goto(url: string): Promise<void> {
    await this.page.goto(url);
    await this.connected();
  }

  async connected(): Promise<void> {
    await expect(this.page.getByTestId("connection-pill").first()).toHaveAttribute("data-state", "connected");
  }

  rows(): Locator {
    return this.page.getByTestId("conversation-row");
  }

  /** Opens the conversation whose row shows text. */
  async openRow(text: string): Promise<void> {
    await this.rows().filter({ hasText: text }).first().click();
    await expect(this.page.getByTestId("thread")).toBeVisible();
  }

  async reply(text: string): Promise<void> {
    await this.page.getByTestId("composer-tab-reply").click();
    await this.page.getByTestId("composer-input").fill(text);
    await this.page.getByTestId("composer-send").click();
    acted();
  }

  async note(text: string): Promise<void> {
    await this.page.getByTestId("composer-tab-note").click();
    await this.page.getByTestId("composer-input").fill(text);
    await this.page.getByTestId("composer-send").click();
    acted();
  }

  message(text: string): Locator {
    return this.page.getByTestId("thread").getByTestId("message").filter({ hasText: text });
  }

  /** The places of the thread's messages, in the order on screen. */
  async seqs(): Promise<number[]> {
    return this.page.getByTestId("thread").getByTestId("message").evaluateAll((all) => all.map((m) => Number(m.getAttribute("data-seq"))));
  }

  async sees(text: string): Promise<void> {
    await expect(this.message(text)).toHaveCount(1);
    await expect(this.message(text)).toHaveAttribute("data-seq", /^\d+$/);
  }
}
