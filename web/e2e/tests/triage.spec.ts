import { expect, test } from "../src/test";

import { visitorWrites } from "../src/hub";
import { Teammate, Visitor } from "../src/people";
import { Proxy } from "../src/proxy";
import { sharedHub } from "../src/shared";

const shared = sharedHub();

test("resolving is undone, snoozing wakes by itself, unread follows the person to another browser", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link);
  const { conversation } = await visitorWrites(hub, ["Do you ship abroad?", "To Norway"]);
  await lin.openRow("To Norway");
  await lin.sees("To Norway");

  await lin.page.getByTestId("action-resolve").click();
  await expect(lin.page.getByTestId("action-reopen")).toBeVisible();
  await lin.page.getByRole("button", { name: "Undo" }).click();
  await expect(lin.page.getByTestId("action-resolve")).toBeVisible();
  // It is shown before it is stored.
  await expect.poll(async () => (await api.call<{ status: string }>("GET", `/conversations/${conversation}`)).status).toBe("open");

  await lin.page.getByTestId("action-assign-me").click();
  await expect(lin.message("took the conversation")).toHaveCount(1);
  const elsewhere = await lin.elsewhere(browser);
  await lin.page.getByTestId("action-more").click();
  await lin.page.getByRole("menuitem", { name: "Mark unread" }).click();
  await elsewhere.goto(`${hub.url}/inbox`);
  await expect(elsewhere.rows().filter({ hasText: "To Norway" })).toHaveAttribute("data-unread", "1");
  await expect(elsewhere.page).toHaveTitle("(1) Fanward");
  await elsewhere.openRow("To Norway");
  await expect(lin.rows().filter({ hasText: "To Norway" })).not.toHaveAttribute("data-unread");
  await expect(lin.page).toHaveTitle("Fanward");

  await lin.page.getByTestId("action-snooze").click();
  await lin.page.getByRole("menuitem", { name: /In 1 hour/ }).click();
  await expect(lin.message("snoozed until")).toHaveCount(1);
  await expect(lin.rows().filter({ hasText: "To Norway" })).toHaveCount(0);
  await api.call("PATCH", `/conversations/${conversation}`, { status: "snoozed", snoozed_until: new Date(Date.now() + 2_000).toISOString() });
  await expect(lin.message("Back from snooze")).toHaveCount(1);
  await expect(lin.rows().filter({ hasText: "To Norway" })).toHaveCount(1);
});

test("the keyboard alone: through the list, answer, note, resolve, help and palette", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Keys", "agent")).link, {}, "Keys");
  await visitorWrites(hub, ["Key one"]);
  await visitorWrites(hub, ["Key two"]);
  const { page } = lin;
  await expect(lin.rows().first()).toContainText("Key two");
  const current = page.locator("[data-testid=conversation-row][aria-current]");
  await page.keyboard.press("j");
  await expect(current).toContainText("Key two");
  await expect(current).toBeFocused();
  await page.keyboard.press("j");
  await expect(current).toContainText("Key one");
  await page.keyboard.press("k");
  await expect(current).toContainText("Key two");
  await expect(current).toBeFocused();

  await lin.sees("Key two");
  await page.keyboard.press("p");
  await expect(page.getByTestId("composer-only-team")).toBeVisible();
  await page.keyboard.type("only for us");
  await page.keyboard.press("Control+Enter");
  await expect(page.locator("[data-kind=note]").getByText("only for us")).toBeVisible();
  // A note is a deliberate act each time.
  await expect(page.getByTestId("composer-tab-reply")).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("thread")).toBeFocused();
  await page.keyboard.press("r");
  await page.keyboard.type("for the customer");
  await page.keyboard.press("Control+Enter");
  await expect(page.locator("[data-kind=text][data-direction=out]").getByText("for the customer")).toBeVisible();

  await page.keyboard.press("Escape");
  await page.keyboard.press("e");
  await expect(page.getByTestId("action-reopen")).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toContainText("Keyboard shortcuts");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/inbox(\?|$)/);
  await lin.rows().filter({ hasText: "Key one" }).focus();
  await page.keyboard.press("Enter");
  await lin.sees("Key one");
  await page.keyboard.press("Escape");
  await expect(current).toHaveCount(0);
  await expect(lin.rows().filter({ hasText: "Key one" })).toBeFocused();
  await page.keyboard.press("Enter");
  await lin.sees("Key one");

  // A row that leaves the list under the focus hands it to what it had opened.
  await page.keyboard.press("k");
  await expect(current).toBeFocused();
  await expect(page.getByTestId("thread")).toBeVisible();
  await page.keyboard.press("e");
  await expect(current).toHaveCount(0);
  await expect(page.getByTestId("thread")).toBeFocused();

  await page.keyboard.press("Control+k");
  await expect(page.getByTestId("palette-input")).toBeFocused();
  await page.keyboard.type("中文");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("composer-tab-reply")).toHaveText("回复");
  await page.keyboard.press("Control+k");
  await expect(page.getByTestId("palette-input")).toBeFocused();
  await page.keyboard.type("English");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("composer-tab-reply")).toHaveText("Reply");
});

test("reply and note are written apart, and the draft being written is there on a second device", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Draft", "agent")).link, {}, "Draft");
  await visitorWrites(hub, ["Draft me"]);
  await lin.openRow("Draft me");
  const { page } = lin;
  const input = page.getByTestId("composer-input");
  await input.fill("to the customer");
  await page.getByTestId("composer-tab-note").click();
  await expect(input).toHaveValue("");
  const saved = page.waitForResponse((r) => r.url().endsWith("/draft") && r.request().method() === "PUT" && (r.request().postData() ?? "").includes("to the team"));
  await input.fill("to the team");
  await saved;
  await page.getByTestId("composer-tab-reply").click();
  await expect(input).toHaveValue("to the customer");
  await page.getByTestId("composer-tab-note").click();
  await expect(input).toHaveValue("to the team");
  await page.waitForResponse((r) => r.url().endsWith("/draft") && r.request().method() === "PUT" && (r.request().postData() ?? "").includes("to the team"));

  const second = await lin.elsewhere(browser);
  await expect(second.page.getByTestId("composer-input")).toHaveValue("to the team");
  await expect(second.page.getByTestId("composer-only-team")).toBeVisible();
  await second.page.getByTestId("composer-send").click();
  await second.sees("to the team");
  await expect(input).toHaveValue("");
  await page.getByTestId("composer-tab-reply").click();
  await expect(input).toHaveValue("to the customer");
  await page.reload();
  await expect(input).toHaveValue("to the customer");
});

test("written without a line: the bubble fails, is tried again, and there is one message", async ({ browser }) => {
  const { hub, api } = shared;
  const line = await Proxy.to(hub.url);
  try {
    const { link } = await api.invite("Offline", "agent");
    const ming = await Visitor.at(browser, hub.shopURL);
    await ming.write("Anybody on the line?");
    const lin = await Teammate.signIn(browser, link.replace(hub.url, line.url), {}, "Offline");
    await lin.openRow("Anybody on the line?");
    await lin.sees("Anybody on the line?");
    line.cut();
    await lin.reply("written while cut");
    const bubble = lin.message("written while cut");
    await expect(bubble).toHaveAttribute("data-state", "failed");
    await expect(bubble).toContainText("Not sent: The server cannot be reached.");
    await bubble.getByTestId("message-retry").click();
    await expect(bubble).toHaveAttribute("data-state", "failed");
    line.heal();
    await bubble.getByTestId("message-retry").or(bubble.and(lin.page.locator("[data-seq]"))).first().click();
    await lin.sees("written while cut");
    await lin.connected();
    await ming.sees("written while cut");
    await lin.page.reload();
    await lin.sees("written while cut");
  } finally {
    await line.close();
  }
});

test("three hundred messages: earlier ones load on both sides in order, and the place being read stays", async ({ browser }) => {
  const { hub, api } = shared;
  const ming = await Visitor.at(browser, hub.shopURL);
  await ming.write("message 1 of many");
  await ming.sees("message 1 of many");
  await expect(ming.messages().first()).toHaveAttribute("data-seq", /\d/);
  const found = await api.call<{ items: { id: string; last_message: { preview: string } }[] }>("GET", "/conversations");
  const id = found.items.find((c) => c.last_message.preview === "message 1 of many")!.id;
  const count = 300;
  for (let i = 2; i <= count; i += 10) {
    // Ten at a time: their order is what the server gives them.
    await Promise.all(Array.from({ length: Math.min(10, count - i + 1) }, (_, k) => api.call("POST", `/conversations/${id}/messages`, { client_key: `m${i + k}`, kind: "text", body: `message ${i + k} of many`, attachment_ids: [] })));
  }

  const lin = await Teammate.signIn(browser, (await api.invite("Reader", "agent")).link, {}, "Reader");
  await lin.goto(`${hub.url}/inbox/${id}`);
  const thread = lin.page.getByTestId("thread");
  await expect(thread.getByTestId("message").last()).toBeVisible();
  let rounds = 0;
  for (let first = (await lin.seqs())[0]!; first > 1; first = (await lin.seqs())[0]!) {
    // The message being read stays where it is when earlier ones come above it. Its
    // end is measured: its head goes when the one before turns out to be by the same author.
    const jump = await thread.evaluate(async (box, before) => {
      const mark = box.querySelector<HTMLElement>(`[data-seq="${before}"]`)!;
      box.scrollTop = mark.offsetTop - 60;
      let at = mark.getBoundingClientRect().bottom;
      // Where nothing had to move no scrolling is heard: a reader goes on turning the wheel.
      const wheel = setInterval(() => {
        box.scrollTop = mark.offsetTop - (box.scrollTop % 2 === 0 ? 61 : 60);
        at = mark.getBoundingClientRect().bottom;
      }, 300);
      await new Promise<void>((done) => {
        const seen = () => {
          if (Number(box.querySelector("[data-seq]")!.getAttribute("data-seq")) < before) {
            clearInterval(wheel);
            watch.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => done()));
          }
        };
        const watch = new MutationObserver(seen);
        watch.observe(box, { childList: true, subtree: true });
        seen();
      });
      return Math.abs(mark.getBoundingClientRect().bottom - at);
    }, first);
    expect(jump).toBeLessThan(3);
    expect(++rounds).toBeLessThan(20);
  }
  const seqs = await lin.seqs();
  expect(seqs.filter((n) => Number.isFinite(n))).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
  expect(seqs.length).toBeGreaterThan(count);

  // The visitor's browser held only what it had seen: it starts anew at the end and goes back.
  await ming.page.reload();
  await ming.open();
  await expect(ming.messages().last()).toBeVisible();
  const earlier = ming.page.getByTestId("load-earlier");
  const visitorSeqs = async () => ming.messages().evaluateAll((all) => all.map((m) => Number(m.getAttribute("data-seq"))));
  // The button goes with the last page, which may come between a look and a click.
  await expect(async () => {
    if ((await ming.messages().count()) < count) await earlier.click({ timeout: 2_000 });
    expect(await ming.messages().count()).toBe(count);
  }).toPass({ timeout: 60_000, intervals: [100] });
  const theirs = await visitorSeqs();
  expect(theirs).toHaveLength(count);
  expect(theirs).toEqual([...theirs].sort((a, b) => a - b));
  expect(new Set(theirs).size).toBe(count);
});
