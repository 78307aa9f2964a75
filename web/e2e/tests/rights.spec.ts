import { expect, test } from "../src/test";

import { Api, Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";

test("what one may not see is not there, and rights move at once", async ({ browser }) => {
  const hub = await Hub.start();
  try {
    const api = Api.owner(hub);
    const lin = await Teammate.signIn(browser, hub.ownerLink());
    const mei = await api.invite("Mei", "agent", { scope: "assigned" });
    const agent = await Teammate.signIn(browser, mei.link, {}, "Mei");
    const ming = await Visitor.at(browser, hub.shopURL);
    await ming.write("Is anybody there?");

    await lin.page.getByTestId("view-all").click();
    await lin.openRow("Is anybody there?");
    const address = lin.page.url();
    await agent.page.getByTestId("view-all").click();
    await expect(agent.rows()).toHaveCount(0);
    await agent.page.goto(new URL(address).pathname.startsWith("/") ? address : hub.url);
    await expect(agent.page.getByText("Is anybody there?")).toHaveCount(0);

    // Given to Mei, it appears in her open page; taken back, it goes.
    const [conversation] = (await api.call<{ items: { id: string }[] }>("GET", "/conversations")).items;
    await agent.page.getByTestId("nav-inbox").first().click();
    await agent.page.getByTestId("view-all").click();
    await api.call("PATCH", `/conversations/${conversation!.id}`, { assignee_id: mei.id });
    await expect(agent.rows()).toHaveCount(1);
    await agent.openRow("Is anybody there?");
    await agent.reply("Yes, I am.");
    await ming.sees("Yes, I am.");
    await api.call("PATCH", `/conversations/${conversation!.id}`, { assignee_id: null });
    await expect(agent.rows()).toHaveCount(0);

    // A marketer has no inbox at all, a disabled teammate is out.
    const wei = await api.invite("Wei", "marketer");
    const marketer = await Teammate.signIn(browser, wei.link, {}, "Wei");
    await expect(marketer.page.getByTestId("nav-inbox")).toHaveCount(0);
    await marketer.page.goto(hub.url + "/inbox");
    await expect(marketer.page.getByText("Is anybody there?")).toHaveCount(0);
    await api.call("PATCH", `/teammates/${mei.id}`, { disabled: true });
    await expect(agent.page.getByTestId("sign-in-email")).toBeVisible();
  } finally {
    await hub.stop();
  }
});
