import { expect, test } from "../src/test";

import { Teammate, Visitor } from "../src/people";
import { sharedHub } from "../src/shared";
import { Site, widgetTag } from "../src/site";

const shared = sharedHub();

test("signing in at the shop names the visitor, signing out makes a new one, another browser has the same thread", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link);
  const ming = await Visitor.at(browser, hub.shopURL, { locale: "en" });
  await ming.write("Who am I?");
  await expect(lin.rows().filter({ hasText: "Who am I?" })).toContainText(/Customer #\w{5}/);

  await ming.page.getByTestId("sign-in").click();
  await expect(ming.page.getByTestId("sign-out")).toBeVisible();
  const row = lin.rows().filter({ hasText: "Who am I?" });
  await expect(row).toContainText("Ming");
  await ming.sees("Who am I?");
  await row.click();
  await lin.reply("You are Ming.");
  await ming.sees("You are Ming.");

  const phone = await Visitor.at(browser, hub.shopURL, { locale: "en" });
  await phone.page.getByTestId("sign-in").click();
  await phone.open();
  await phone.sees("You are Ming.");
  await phone.write("From my phone");
  await ming.sees("From my phone");
  await lin.sees("From my phone");

  await ming.page.getByTestId("sign-out").click();
  await ming.open();
  await expect(ming.messages()).toHaveCount(0);
  await ming.write("Somebody else now");
  await expect(lin.rows().filter({ hasText: "Somebody else now" })).toContainText(/Customer #\w{5}/);
  await expect(lin.message("Somebody else now")).toHaveCount(0);
});

test("Chinese on both sides, and either side changes its language without loading anew", async ({ browser }) => {
  const { hub, api } = shared;
  const chinese = { locale: "zh-CN" };
  const hua = await Teammate.signIn(browser, (await api.invite("小华", "agent", { locale: "zh-CN", email: "hua@example.com" })).link, chinese, "小华");
  const ming = await Visitor.at(browser, hub.shopURL, chinese);
  await ming.open();
  await expect(ming.page.getByTestId("input")).toHaveAttribute("placeholder", /消息/);
  await ming.write("请问龙井是今年的新茶吗？");
  const row = hua.rows().filter({ hasText: "请问龙井" });
  await expect(row).toContainText(/客户 #\w{5}/);
  await row.click();
  await hua.reply("是的，清明前采的。");
  await ming.sees("是的，清明前采的。");
  await expect(hua.message("会话已开始")).toHaveCount(1);
  await hua.page.getByTestId("action-assign-me").click();
  await expect(hua.message("领取了会话").or(hua.message("小华"))).not.toHaveCount(0);
  if (!(await hua.page.getByTestId("customer-panel").isVisible())) await hua.page.getByTestId("show-panel").click();
  await expect(hua.page.getByTestId("customer-panel")).toContainText("动态");
  await expect(hua.page.getByTestId("timeline")).toContainText("请问龙井是今年的新茶吗？");
  await expect(hua.page.getByTestId("timeline")).toContainText("我：是的，清明前采的。");

  for (const v of [hua.page, ming.page]) await v.evaluate(() => ((window as unknown as { stayed: boolean }).stayed = true));
  await hua.page.getByTestId("account-menu").click();
  await hua.page.getByRole("menuitem", { name: "语言" }).click();
  await hua.page.getByRole("menuitem", { name: "English" }).click();
  await expect(hua.page.getByTestId("composer-tab-reply")).toHaveText("Reply");
  await expect(hua.page.getByTestId("customer-panel")).toContainText("Timeline");
  await expect(hua.page.getByTestId("timeline")).toContainText("You: 是的，清明前采的。");
  await expect(hua.message("是的，清明前采的。")).toContainText("You");
  await expect(hua.page.locator("html")).toHaveAttribute("lang", "en");
  await ming.page.getByTestId("lang").click();
  await expect(ming.page.getByTestId("input")).toHaveAttribute("placeholder", /message/i);
  await ming.sees("请问龙井是今年的新茶吗？");
  for (const v of [hua.page, ming.page]) expect(await v.evaluate(() => (window as unknown as { stayed?: boolean }).stayed)).toBe(true);
});

// Last: beside a real account the sandbox ends.
test("a disabled account takes its widget off the page, a foreign website never gets one and is told why", async ({ browser }) => {
  const { hub, api } = shared;
  let tag = "";
  const shop = await Site.serve(() => tag);
  const foreign = await Site.serve(() => tag);
  try {
    const account = await api.call<{ id: string; key: string }>("POST", "/accounts", { channel: "webchat", name: "Shop", config: { origins: [shop.url] } });
    tag = widgetTag(hub.visitorsURL, account.key);
    const ming = await Visitor.at(browser, shop.url);
    await ming.write("Open today?");
    await ming.sees("Open today?");
    await expect(ming.messages().first()).toHaveAttribute("data-seq", /\d/);
    await api.call("PATCH", `/accounts/${account.id}`, { status: "disabled" });
    await expect(ming.page.getByTestId("panel")).toHaveCount(0);
    await expect(ming.page.getByTestId("launcher")).toHaveCount(0);
    await ming.page.reload();
    await expect(ming.page.getByRole("heading", { name: "A shop" })).toBeVisible();
    await expect(ming.page.getByTestId("launcher")).toHaveCount(0);

    await api.call("PATCH", `/accounts/${account.id}`, { status: "active" });
    const stranger = await (await browser.newContext()).newPage();
    const warnings: string[] = [];
    stranger.on("console", (m) => m.type() === "warning" && warnings.push(m.text()));
    await stranger.goto(foreign.url);
    await expect.poll(() => warnings.length).toBe(1);
    expect(warnings[0]).toContain(`Add ${foreign.url} to the allowed websites`);
    await expect(stranger.getByTestId("launcher")).toHaveCount(0);
  } finally {
    await Promise.all([shop.close(), foreign.close()]);
  }
});
