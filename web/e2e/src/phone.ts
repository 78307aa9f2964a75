// The sandbox's WeChat phones, as the people who hold them use them.
import { type Browser, type Locator, type Page } from "@playwright/test";

import { acted } from "./midway";
import { arrive } from "./people";

const picture = {
  name: "tea.png",
  mimeType: "image/png",
  buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGNgYPiPAw0pCQD3PT/BR3Jf9gAAAABJRU5ErkJggg==", "base64"),
};

/** One follower's phone on the phones' page. */
export class Phone {
  constructor(
    readonly page: Page,
    readonly name: string,
  ) {}

  static async at(browser: Browser, url: string, name: string): Promise<Phone> {
    const page = await (await browser.newContext({ locale: "en" })).newPage();
    await arrive(page, url);
    return new Phone(page, name);
  }

  get self(): Locator {
    return this.page.getByRole("region", { name: this.name });
  }

  log(): Locator {
    return this.self.getByRole("log");
  }

  async follow(): Promise<void> {
    await this.self.getByRole("button", { name: "Follow", exact: true }).click();
  }

  async write(text: string): Promise<void> {
    const input = this.self.getByRole("textbox", { name: `Write as ${this.name}` });
    await input.fill(text);
    await input.press("Enter");
    acted();
  }

  async more(): Promise<void> {
    await this.self.getByRole("button", { name: `More for ${this.name}` }).click();
  }

  async sendPicture(): Promise<void> {
    await this.more();
    await this.self.locator("input[type=file]").setInputFiles(picture);
  }

  async scan(code: string): Promise<void> {
    await this.more();
    await this.self.getByRole("button", { name: "Scan a QR code" }).click();
    await this.self.getByLabel(/Ticket, address or scene/).fill(code);
    await this.self.getByRole("button", { name: "Scan", exact: true }).click();
  }
}
