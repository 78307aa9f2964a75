import { type Page, expect, test } from "../src/test";

import { order, track } from "../src/behaviour";
import { Teammate } from "../src/people";
import { sharedHub } from "../src/shared";

const shared = sharedHub();

/** Chooses from a list that a control opens, by what one types or by the words of an option. */
async function choose(page: Page, control: ReturnType<Page["locator"]>, option: string, typed?: string): Promise<void> {
  await control.click();
  if (typed !== undefined) await page.keyboard.type(typed);
  await page.locator(".ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option").filter({ hasText: option }).first().click();
}

const languages = [
  { locale: "en", name: "Regulars", atLeast: "at least", sentence: "did Order Completed at least 2 times in the last 30 days, where amount ≥ 100", more: "≥ at least", found: "Found: 2 times", inside: "is in" },
  { locale: "zh-CN", name: "本月常客", atLeast: "至少", sentence: "最近 30 天内发生 Order Completed 至少 2 次，其中 amount ≥ 100", more: "≥ 至少", found: "实际：2 次", inside: "在其中" },
] as const;

for (const [i, words] of languages.entries()) {
  test(`a segment is built by hand in ${words.locale} and gains somebody live`, async ({ browser }) => {
    const { hub, api } = shared;
    const { key } = await api.call<{ key: string }>("POST", "/write-keys", { name: `shop-${i}`, kind: "server" });
    const ming = `ming-${i}`;
    await track(hub, key, "identify", { userId: ming, traits: { name: `Ming ${i}` } });
    await order(hub, key, ming, 128);
    await order(hub, key, ming, 20);

    const lin = await Teammate.signIn(browser, (await api.invite(`Lin${i}`, "marketer", { locale: words.locale })).link, { locale: words.locale }, `Lin${i}`);
    const { page } = lin;
    await page.getByTestId("nav-segments").click();
    await page.getByTestId("create-segment").click();
    await page.getByTestId("segment-name").fill(words.name);
    await page.getByTestId("add-condition").click();
    await page.getByTestId("add-event").click();

    const row = page.getByTestId("rule-row");
    await choose(page, row.getByTestId("rule-name"), "Order Completed", "Order");
    await row.getByTestId("rule-value").getByRole("spinbutton").or(row.getByTestId("rule-value")).first().fill("2");
    await row.getByTestId("add-filter").click();
    const filter = row.getByTestId("rule-filter");
    await choose(page, filter.getByTestId("rule-property"), "amount", "amount");
    // A number is asked for "at least" by itself.
    await expect(filter.getByTestId("rule-op")).toContainText(words.more);
    await filter.getByTestId("rule-value").getByRole("spinbutton").or(filter.getByTestId("rule-value")).first().fill("100");
    await expect(page.locator(".segment-words")).toHaveText(words.sentence);

    // Counted while it is written: only one of the two orders is large enough. Who bought for the test before is there.
    const preview = page.getByTestId("segment-preview");
    await expect(preview).toHaveAttribute("data-stale", "false");
    await expect(page.getByTestId("preview-count")).toHaveText(String(i));
    await page.getByTestId("save").click();
    await expect(page).toHaveURL(/\/segments\/\d+$/);
    await expect(page.getByTestId("segment-size")).toContainText(String(i));
    await page.getByRole("tab").nth(1).click();
    await expect(page.getByTestId("member-row")).toHaveCount(i);

    // The second large order makes Ming one of them, with nothing touched here.
    await order(hub, key, ming, 300);
    await expect(page.getByTestId("member-row").filter({ hasText: `Ming ${i}` })).toHaveCount(1);
    await expect(page.getByTestId("segment-size")).toContainText(String(i + 1));
    await page.getByRole("row").filter({ hasText: `Ming ${i}` }).getByTestId("member-why").click();
    const why = page.getByTestId("why-answer");
    await expect(why).toHaveAttribute("data-match", "true");
    await expect(why).toContainText(words.inside);
    await expect(why.getByTestId("why-actual")).toHaveText(words.found);
    await page.keyboard.press("Escape");

    await page.getByRole("tab").nth(2).click();
    await expect(page.getByTestId("membership-changes").locator("li[data-entered=true]").filter({ hasText: `Ming ${i}` })).toHaveCount(1);
  });
}

test("what is wrong with a rule is said at its place; leaving unsaved work asks; a deletion can be taken back", async ({ browser }) => {
  const { hub, api } = shared;
  const { id } = await api.call<{ id: string }>("POST", "/segments", { name: "Tagged", description: "", rule: { kind: "all", of: [{ kind: "tag", name: "vip" }] } });
  const lin = await Teammate.signIn(browser, (await api.invite("Mei", "manager")).link, { locale: "en" }, "Mei");
  const { page } = lin;
  await lin.goto(`${hub.url}/segments/${id}`);
  await page.getByTestId("add-condition").click();
  await page.getByTestId("add-segment").click();
  await page.getByTestId("save").click();
  const unfinished = page.getByTestId("rule-row").nth(1);
  await expect(unfinished.getByRole("alert")).toHaveText("Complete this condition.");

  await page.getByTestId("nav-segments").click();
  await page.getByRole("button", { name: "Keep editing" }).click();
  await expect(page).toHaveURL(new RegExp(`/segments/${id}$`));

  // Taken out, and back by the notice.
  await unfinished.getByTestId("rule-menu").click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await expect(page.getByTestId("rule-row")).toHaveCount(1);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByTestId("rule-row")).toHaveCount(2);
  await page.getByTestId("save-bar").getByRole("button", { name: "Discard" }).click();
  await expect(page.getByTestId("rule-row")).toHaveCount(1);

  await page.getByTestId("segment-more").click();
  await page.getByTestId("segment-delete").click();
  await expect(page).toHaveURL(/\/segments$/);
  await expect(page.getByTestId("segment-row").filter({ hasText: "Tagged" })).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByTestId("segment-row").filter({ hasText: "Tagged" })).toHaveCount(1);
  expect((await api.call<{ name: string }>("GET", `/segments/${id}`)).name).toBe("Tagged");
});

test("a person is tagged and moved between stages by hand; the board, the list and the history show it", async ({ browser }) => {
  const { hub, api } = shared;
  const { key } = await api.call<{ key: string }>("POST", "/write-keys", { name: "stages", kind: "server" });
  await track(hub, key, "identify", { userId: "hua", traits: { name: "Hua" } });
  const hua = (await api.call<{ items: { id: string }[] }>("GET", "/customers?q=Hua")).items[0]!.id;
  const lin = await Teammate.signIn(browser, (await api.invite("Wei", "agent")).link, { locale: "en", viewport: { width: 1500, height: 900 } }, "Wei");
  const { page } = lin;
  await lin.goto(`${hub.url}/stages`);
  const column = (stage: string) => page.locator(`[data-testid="stage-column"][data-stage="${stage}"]`);
  const card = page.locator(`[data-testid="stage-card"][data-customer-id="${hua}"]`);
  await expect(column("-").locator(card)).toBeVisible();
  await card.dragTo(column("lead"));
  await page.getByTestId("move-reason").fill("Asked for a price");
  await page.getByTestId("dialog-submit").click();
  await expect(column("lead").locator(card)).toBeVisible();
  await expect(column("lead").getByTestId("stage-count")).toHaveText("1");
  await expect(page.getByTestId("movement")).toContainText("Lead");

  // Somebody else moves her on; this board follows.
  await api.call("PUT", `/customers/${hua}/stage`, { stage: "customer", reason: "Bought" });
  await expect(column("customer").locator(card)).toBeVisible();

  await lin.goto(`${hub.url}/customers/${hua}`);
  await expect(page.getByTestId("customer-stage").first()).toHaveAttribute("data-stage", "customer");
  await expect(page.getByTestId("stage-history")).toContainText("Asked for a price");
  await page.getByTestId("tag-add").click();
  await page.keyboard.type("wholesale");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("customer-tag")).toHaveText("wholesale");
  await lin.goto(`${hub.url}/customers?tag=wholesale&stage=customer`);
  await expect(page.getByRole("link", { name: "Hua" })).toBeVisible();
});

test("a write key is made, its calls are seen with reasons, and it is revoked", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Ops", "admin")).link, { locale: "en" }, "Ops");
  const { page } = lin;
  await lin.goto(`${hub.url}/settings/write-keys`);
  await page.getByTestId("create-write-key").click();
  await page.getByTestId("write-key-name").fill("Back end");
  await page.getByTestId("dialog-submit").click();
  const secret = (await page.getByTestId("write-key-secret").locator("pre").first().innerText()).trim();
  await page.getByTestId("write-key-secret").getByRole("link").click();
  await expect(page).toHaveURL(/tab=debugger/);
  await order(hub, secret, "debug", 5);
  await track(hub, secret, "track", { userId: "debug", properties: {} });
  const calls = page.getByTestId("call-row");
  await expect(calls).toHaveCount(2);
  const refused = calls.filter({ hasText: "Refused" });
  await expect(refused).toContainText("event: This field is empty");
  await refused.click();
  await expect(page.getByTestId("call-details")).toContainText("Not stored");
  await page.keyboard.press("Escape");

  await lin.goto(`${hub.url}/settings/write-keys`);
  await page.getByRole("button", { name: "Revoke: Back end" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await expect(page.getByText("Revoked", { exact: true })).toBeVisible();
  const after = await fetch(`${hub.url}/v1/track`, { method: "POST", headers: { Authorization: `Basic ${Buffer.from(`${secret}:`).toString("base64")}` }, body: JSON.stringify({ userId: "x", event: "y" }) });
  expect(after.ok).toBe(false);
});
