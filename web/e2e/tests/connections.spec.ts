import { expect, test } from "../src/test";

import { Api, Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";
import { Proxy } from "../src/proxy";
import { Site, widgetTag } from "../src/site";

async function house() {
  const hub = await Hub.start();
  const api = Api.owner(hub);
  const staffLine = await Proxy.to(hub.url);
  const visitorLine = await Proxy.to(hub.visitorsURL);
  let tag = "";
  const site = await Site.serve(() => tag);
  const account = await api.call<{ key: string }>("POST", "/accounts", { channel: "webchat", name: "Shop", config: { origins: [site.url] } });
  tag = widgetTag(visitorLine.url, account.key);
  const through = (link: string) => link.replace(hub.url, staffLine.url);
  const close = async () => {
    await Promise.all([site.close(), staffLine.close(), visitorLine.close()]);
    await hub.stop();
  };
  return { hub, api, staffLine, visitorLine, site, through, close };
}

test("lines are cut on either side in the middle of traffic; everybody has everything once, in order", async ({ browser }) => {
  const h = await house();
  try {
    const lin = await Teammate.signIn(browser, h.through(h.hub.ownerLink()));
    const ming = await Visitor.at(browser, h.site.url);
    await ming.write("first");
    await lin.page.getByTestId("view-all").click();
    await lin.openRow("first");
    await lin.sees("first");

    h.visitorLine.cut();
    await ming.write("written offline 1");
    await ming.write("written offline 2");
    await lin.reply("while you were away");
    await lin.sees("while you were away");
    h.visitorLine.heal();
    await lin.sees("written offline 1");
    await lin.sees("written offline 2");
    await ming.sees("while you were away");

    h.staffLine.cut();
    await expect(lin.page.getByTestId("connection-pill").first()).not.toHaveAttribute("data-state", "connected");
    await ming.write("can anybody hear me");
    await ming.write("hello?");
    h.staffLine.heal();
    await lin.connected();
    await lin.sees("can anybody hear me");
    await lin.sees("hello?");

    await h.hub.kill();
    await ming.write("while the program is down");
    await h.hub.up();
    await lin.connected();
    await lin.sees("while the program is down");

    const seqs = (await lin.page.getByTestId("thread").getByTestId("message").evaluateAll((all) => all.map((m) => Number(m.getAttribute("data-seq")))));
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
    for (const t of ["first", "written offline 1", "written offline 2", "while you were away", "can anybody hear me", "hello?", "while the program is down"]) await ming.sees(t);
  } finally {
    await h.close();
  }
});

test("two tabs of one visitor and two teammates at once", async ({ browser }) => {
  const h = await house();
  try {
    const lin = await Teammate.signIn(browser, h.hub.ownerLink());
    const wei = await Teammate.signIn(browser, (await h.api.invite("Wei", "agent")).link, {}, "Wei");
    const first = await Visitor.at(browser, h.site.url);
    const secondPage = await first.page.context().newPage();
    await secondPage.goto(h.site.url);
    const second = new Visitor(secondPage);

    await first.write("from the first tab");
    await second.open();
    await second.sees("from the first tab");
    await second.write("from the second tab");
    await first.sees("from the second tab");

    for (const t of [lin, wei]) {
      await t.page.getByTestId("view-all").click();
      await t.openRow("from the second tab");
    }
    await expect(lin.page.getByTestId("viewers").locator("[data-teammate-id]")).toHaveCount(1);
    await Promise.all([lin.reply("Lin answers"), wei.reply("Wei answers")]);
    for (const t of [lin, wei]) {
      await t.sees("Lin answers");
      await t.sees("Wei answers");
    }
    for (const v of [first, second]) {
      await v.sees("Lin answers");
      await v.sees("Wei answers");
    }
    const order = async (t: Teammate) => t.page.getByTestId("thread").getByTestId("message").evaluateAll((all) => all.map((m) => `${m.getAttribute("data-seq")}`));
    expect(await order(lin)).toEqual(await order(wei));

    await lin.page.getByTestId("action-assign-me").click();
    await wei.page.getByTestId("action-resolve").click();
    for (const t of [lin, wei]) await expect(t.page.getByTestId("action-reopen")).toBeVisible();
  } finally {
    await h.close();
  }
});
