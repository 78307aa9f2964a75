import { expect, test } from "../src/test";

import { Teammate, Visitor } from "../src/people";
import { sharedHub } from "../src/shared";

const shared = sharedHub();

test("a wrong password is told, too many are stopped, the right one signs in; signing out reaches every tab", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(hub.url);
  const signIn = async (email: string, password: string) => {
    await page.getByTestId("sign-in-email").fill(email);
    await page.getByTestId("sign-in-password").fill(password);
    await page.getByTestId("sign-in-submit").click();
  };
  await signIn("lin@example.com", "not the password");
  await expect(page.getByRole("alert")).toContainText("do not match");

  // An address nobody has is answered alike, and stopped alike.
  await page.evaluate(async () => {
    for (let i = 0; i < 10; i++) {
      await fetch("/api/v1/session", { method: "POST", headers: { "Content-Type": "application/json", "X-Fanward-CSRF": "1" }, body: JSON.stringify({ email: "nobody@example.com", password: "guess" }) });
    }
  });
  await signIn("nobody@example.com", "another guess");
  await expect(page.getByRole("alert")).toContainText("too many attempts");

  await signIn("lin@example.com", "correct horse battery");
  await expect(page).toHaveURL(/\/inbox/);
  const second = await context.newPage();
  await second.goto(`${hub.url}/customers`);
  await new Teammate(second).connected();
  await page.getByTestId("account-menu").click();
  await page.getByRole("menuitem", { name: "Sandbox" }).click();
  for (const name of ["shop", "phones", "mailbox"]) {
    const opened = context.waitForEvent("page");
    await page.getByTestId(`sandbox-${name}`).click();
    const one = await opened;
    await expect(one.locator("body")).not.toBeEmpty();
    expect(new URL(one.url()).origin).not.toBe(new URL(hub.url).origin);
    await one.close();
    await page.getByTestId("account-menu").click();
    await page.getByRole("menuitem", { name: "Sandbox" }).click();
  }
  await page.screenshot({ path: "test-results/screens/menu-sandbox.png" });
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByTestId("sign-in-email")).toBeVisible();
  await expect(second.getByTestId("sign-in-email")).toBeVisible();
  // The other browser is a session of its own.
  await lin.connected();
});

test("an invitation's link is copied, works, and works once only", async ({ browser }) => {
  const { hub, api } = shared;
  const owner = await Teammate.signIn(browser, (await api.invite("Owner", "owner")).link, { permissions: ["clipboard-read", "clipboard-write"] }, "Owner");
  await owner.page.getByTestId("nav-teammates").click();
  await owner.page.getByTestId("invite-teammate").click();
  await owner.page.getByTestId("teammate-name").fill("Hua");
  await owner.page.getByTestId("teammate-email").fill("hua@example.com");
  await owner.page.getByTestId("dialog-submit").click();
  const shown = owner.page.getByTestId("sign-in-link");
  await shown.getByRole("button", { name: /Copy/ }).click();
  const link = await owner.page.evaluate(() => navigator.clipboard.readText());
  expect(link).toBe((await shown.locator("pre").innerText()).trim());
  await owner.page.getByTestId("link-done").click();
  await expect(owner.page.getByText("hua@example.com")).toBeVisible();

  const hua = await Teammate.signIn(browser, link, {}, "Hua");
  await expect(hua.page.getByTestId("nav-inbox")).toBeVisible();
  const again = await (await browser.newContext()).newPage();
  await again.goto(link);
  await again.getByTestId("sign-in-link-submit").click();
  await expect(again.getByText("has been used, has expired or was replaced")).toBeVisible();
  await again.goto(`${hub.url}/inbox`);
  await expect(again.getByTestId("sign-in-email")).toBeVisible();
});

test("a role changes under open pages: they go on with the new rights", async ({ browser }) => {
  const { hub, api } = shared;
  const invited = await api.invite("Mei", "agent");
  const mei = await Teammate.signIn(browser, invited.link, {}, "Mei");
  await (await Visitor.at(browser, hub.shopURL)).write("Is the role stable?");
  await mei.openRow("Is the role stable?");
  await expect(mei.page.getByTestId("composer-input")).toBeVisible();
  await expect(mei.page.getByTestId("nav-tokens")).toHaveCount(0);
  await mei.page.evaluate(() => ((window as unknown as { stayed: boolean }).stayed = true));

  await api.call("PATCH", `/teammates/${invited.id}`, { role: "viewer" });
  await expect(mei.page.getByTestId("composer-input")).toHaveCount(0);
  await expect(mei.page.getByText("Your role can read but not answer.")).toBeVisible();
  await mei.connected();

  await api.call("PATCH", `/teammates/${invited.id}`, { role: "admin" });
  await expect(mei.page.getByTestId("composer-input")).toBeVisible();
  await expect(mei.page.getByTestId("nav-tokens")).toBeVisible();
  await mei.connected();

  // A marketer has no inbox: the page says so where one was reading.
  await api.call("PATCH", `/teammates/${invited.id}`, { role: "marketer" });
  await expect(mei.page.getByText("You do not have access to this page")).toBeVisible();
  await expect(mei.page.getByText("Is the role stable?")).toHaveCount(0);
  await expect(mei.page.getByTestId("nav-inbox")).toHaveCount(0);
  await mei.goto(`${hub.url}/inbox`);
  await expect(mei.page.getByText("Your role is Marketer.")).toBeVisible();
  expect(await mei.page.evaluate(() => (window as unknown as { stayed?: boolean }).stayed)).toBeUndefined();
});

test("a team made by hand gets a conversation by the header's menu, and a teammate after it", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Boss", "owner")).link, {}, "Boss");
  const tao = await api.invite("Tao", "agent", { scope: "team" });
  const { page } = lin;
  await page.getByTestId("nav-teams").click();
  await page.getByTestId("create-team").click();
  await page.getByTestId("team-name").fill("Sales");
  await page.getByLabel("Members").fill("Tao");
  await page.getByTitle("Tao", { exact: true }).click();
  await page.getByTestId("team-name").click(); // the list of names gives way
  await page.getByTestId("dialog-submit").click();
  await expect(page.getByTestId("team-row").filter({ hasText: "Sales" })).toContainText("1 member");

  const member = await Teammate.signIn(browser, tao.link, {}, "Tao");
  await (await Visitor.at(browser, hub.shopURL)).write("For the sales team");
  await page.getByTestId("nav-inbox").click();
  await lin.openRow("For the sales team");
  await page.getByTestId("action-assign").click();
  await page.getByTestId("assign-team").filter({ hasText: "Sales" }).click();
  await expect(lin.message("moved the conversation to Sales")).toHaveCount(1);
  const team = member.page.locator("[data-testid^=view-team-]");
  await expect(team).toContainText("1");
  await team.click();
  await member.openRow("For the sales team");

  await page.getByTestId("action-assign").click();
  await page.getByTestId("assign-teammate").filter({ hasText: "Tao" }).click();
  await expect(member.page.getByTestId("view-mine")).toContainText("1");
  await expect(member.message("assigned the conversation to You")).toHaveCount(1);
  await expect(page.locator(".pane-who")).toContainText("Tao · Sales");
});
