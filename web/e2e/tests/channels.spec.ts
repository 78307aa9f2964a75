import { expect, test } from "../src/test";
import { resolve } from "node:path";

import { Api, Hub } from "../src/hub";
import { Teammate, Visitor, arrive } from "../src/people";
import { Phone } from "../src/phone";

const shots = resolve(import.meta.dirname, "../test-results/screens");

// Three channels, one person, with the shipped configuration and its sandbox alone.
test("WeChat, the shop and the mailbox are one customer to whoever answers, and a wrong join is undone", { tag: "@nodes" }, async ({ browser }) => {
  test.setTimeout(240_000);
  const hub = await Hub.start();
  try {
    const api = Api.owner(hub);
    const lin = await Teammate.signIn(browser, hub.ownerLink(), { viewport: { width: 1440, height: 900 }, locale: "en" });
    await lin.goto(`${hub.url}/inbox?view=all`);

    // WeChat: followed, welcomed, heard, answered.
    const phone = await Phone.at(browser, hub.phoneURL, "Ming");
    await phone.follow();
    await expect(phone.log()).toContainText("欢迎关注");
    await phone.write("你好，龙井还有吗？");
    await lin.openRow("龙井还有吗");
    await lin.sees("龙井还有吗");
    await phone.sendPicture();
    await expect(lin.page.getByTestId("thread").locator("img[src*='/files/']")).toHaveCount(1);
    const allowance = lin.page.getByTestId("allowance");
    await expect(allowance).toBeVisible();
    const left = Number(await allowance.getAttribute("data-left"));
    expect(left).toBeGreaterThanOrEqual(5);
    await lin.reply("有的，明前的。");
    await expect(phone.log()).toContainText("有的，明前的。");
    await expect(allowance).toHaveAttribute("data-left", String(left - 1));
    await lin.page.screenshot({ path: `${shots}/channels-wechat.png` });
    await phone.page.screenshot({ path: `${shots}/channels-phone.png` });

    // The shop: signed in, asks in the widget, binds WeChat by the code.
    const shop = await Visitor.at(browser, hub.shopURL, { locale: "en" });
    await shop.page.getByTestId("sign-in").click();
    await expect(shop.page.getByTestId("bind")).toBeVisible();
    await shop.write("And the teapot?");
    await shop.sees("And the teapot?");
    const code = await shop.bindCode();
    await phone.scan(code);
    const people = async () => (await api.call<{ items: { id: string; name: string | null }[] }>("GET", "/customers")).items;
    await expect.poll(async () => (await people()).length).toBe(1);

    // A code that was used joins nobody else.
    const fang = new Phone(phone.page, "Fang");
    await fang.follow();
    await fang.scan(code);
    await fang.write("我也要");
    await expect.poll(async () => (await people()).length).toBe(2);

    // The mailbox: real SMTP in, the answer threaded there.
    const mail = await (await browser.newContext({ locale: "en" })).newPage();
    await arrive(mail, hub.mailURL);
    await mail.getByTestId("compose").click();
    await mail.getByTestId("subject").fill("Invoice 发票");
    await mail.getByTestId("text").fill("Please send me the invoice.");
    await mail.getByTestId("send").click();
    await expect(mail.getByTestId("mail")).toHaveCount(1);
    await lin.goto(`${hub.url}/inbox?view=all`);
    await lin.openRow("Please send me the invoice");
    await lin.sees("Please send me the invoice");
    await expect(lin.page.getByRole("main")).toContainText("Invoice 发票");
    await lin.reply("Here it is.");
    await expect(mail.getByTestId("mail")).toHaveCount(2);
    await expect(mail.getByTestId("mail").last()).toContainText("Here it is.");
    await mail.getByTestId("reply").click();
    await mail.getByTestId("text").fill("Thank you!");
    await mail.getByTestId("send").click();
    await lin.sees("Thank you!");
    await lin.page.screenshot({ path: `${shots}/channels-mail.png` });
    await mail.screenshot({ path: `${shots}/channels-mailbox.png` });

    // One customer, three conversations, one timeline beside every thread.
    const ming = (await people()).find((c) => c.name === "Ming")!;
    const threads = (await api.call<{ items: { channel: string }[] }>("GET", `/conversations?status=all&customer_id=${ming.id}`)).items;
    expect(threads.map((c) => c.channel).sort()).toEqual(["email", "webchat", "wechat"]);
    await lin.goto(`${hub.url}/customers/${ming.id}`);
    for (const said of ["有的，明前的。", "And the teapot?", "Thank you!"]) await expect(lin.page.getByRole("main")).toContainText(said);
    await lin.page.screenshot({ path: `${shots}/channels-customer.png`, fullPage: true });

    // A wrong join by hand, and its undo.
    const other = (await people()).find((c) => c.id !== ming.id)!;
    await lin.page.getByTestId("merge-open").click();
    await lin.page.locator(`[data-testid=merge-candidate][data-customer-id="${other.id}"]`).or(lin.page.getByTestId("merge-search")).first().waitFor();
    const label = other.name ?? (await api.call<{ label: string }>("GET", `/customers/${other.id}`)).label;
    await lin.page.getByTestId("merge-search").fill(label);
    await lin.page.locator(`[data-testid=merge-candidate][data-customer-id="${other.id}"]`).click();
    await expect(lin.page.locator("[data-testid=objection][data-code=same_channel_account]")).toBeVisible();
    await lin.page.screenshot({ path: `${shots}/channels-merge.png` });
    await lin.page.getByTestId("merge-despite").click();
    await lin.page.getByTestId("merge-submit").click();
    await expect.poll(async () => (await people()).length).toBe(1);
    const joined = lin.page.locator("[data-testid=merge-entry]:not([data-undone])").filter({ hasText: "merged" });
    await joined.getByTestId("merge-undo").click();
    await lin.page.getByRole("dialog").getByRole("button", { name: "Undo" }).click();
    await expect.poll(async () => (await people()).length).toBe(2);
    const fangs = (await api.call<{ items: { channel: string }[] }>("GET", `/conversations?status=all&customer_id=${other.id}`)).items;
    expect(fangs.map((c) => c.channel)).toEqual(["wechat"]);
  } finally {
    await hub.stop();
  }
});
