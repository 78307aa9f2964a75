import { expect, test } from "../src/test";

import { Hub } from "../src/hub";
import { Teammate, Visitor, arrive } from "../src/people";

const picture = {
  name: "tea.png",
  mimeType: "image/png",
  buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGNgYPiPAw0pCQD3PT/BR3Jf9gAAAABJRU5ErkJggg==", "base64"),
};

const moving = { reducedMotion: "no-preference" as const };

// The first conversation, with the shipped configuration and the demo shop.
test("a visitor writes, a teammate answers, both live", { tag: "@nodes" }, async ({ browser }) => {
  const hub = await Hub.start();
  try {
    const lin = await Teammate.signIn(browser, hub.ownerLink(), moving);
    const ming = await Visitor.at(browser, hub.shopURL, moving);

    await ming.write("你好");
    await expect(lin.page.getByTestId("view-unassigned")).toContainText("1");
    await lin.page.getByTestId("view-unassigned").click();
    await lin.openRow("你好");
    await lin.sees("你好");

    await ming.page.getByTestId("attach").setInputFiles(picture);
    await ming.write("这款茶还有吗？");
    await lin.sees("这款茶还有吗？");
    await expect(lin.page.getByTestId("thread").locator("img[src*='/files/']")).toHaveCount(1);

    await lin.note("常客，给包邮。");
    await lin.sees("常客，给包邮。");
    await lin.reply("有的，今天就能发货。");
    await ming.sees("有的，今天就能发货。");
    await expect(ming.page.getByText("常客")).toHaveCount(0);

    await lin.page.getByTestId("action-assign-me").click();
    await expect(lin.page.getByTestId("thread")).toContainText("Lin");
    await lin.page.getByTestId("action-resolve").click();
    await expect(lin.page.getByTestId("action-reopen")).toBeVisible();

    await ming.write("谢谢，再来一罐。");
    await lin.sees("谢谢，再来一罐。");
    await expect(lin.page.getByTestId("action-resolve")).toBeVisible();

    // Whoever comes back has everything once, in order.
    await arrive(ming.page);
    await ming.open();
    const thread = await ming.messages().allInnerTexts();
    const place = ["你好", "这款茶还有吗？", "有的，今天就能发货。", "谢谢，再来一罐。"].map((t) => thread.findIndex((m) => m.includes(t)));
    expect(place).toEqual([...place].sort((a, b) => a - b));
    expect(place).not.toContain(-1);
    expect(new Set(place).size).toBe(4);
  } finally {
    await hub.stop();
  }
});
