import { type Page, expect, test } from "../src/test";

import { Teammate, Visitor } from "../src/people";
import { sharedHub } from "../src/shared";

const shared = sharedHub({ FANWARD_LIMITS_FILE_BYTES: "4096" });

const large = { name: "catalogue.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(5000, "x") };
// What says it is a picture and is a page with a script.
const disguised = { name: "cat.png", mimeType: "image/png", buffer: Buffer.from("<!doctype html><script>document.title='owned'</script>") };

function uploads(page: Page): string[] {
  const sent: string[] = [];
  page.on("request", (r) => {
    if (r.method() === "POST" && r.url().endsWith("/files")) sent.push(r.url());
  });
  return sent;
}

test("what is too large is refused before it is sent, and a page dressed as a picture is only a download", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link);
  const ming = await Visitor.at(browser, hub.shopURL, { locale: "en" });
  await ming.write("I have files");
  await lin.openRow("I have files");

  const fromVisitor = uploads(ming.page);
  await ming.page.getByTestId("attach").setInputFiles(large);
  await expect(ming.page.getByTestId("notice")).toHaveAttribute("data-code", "file_too_large");
  await expect(ming.page.getByTestId("notice")).toContainText("4 KB");
  await expect(ming.page.getByTestId("tray-file")).toHaveCount(0);
  expect(fromVisitor).toEqual([]);

  const fromTeammate = uploads(lin.page);
  await lin.page.getByTestId("composer-attach").setInputFiles(large);
  await expect(lin.page.getByText("“catalogue.pdf” is larger than 4 KB. Send a smaller file or a link to it.")).toBeVisible();
  await expect(lin.page.getByTestId("upload")).toHaveCount(0);
  expect(fromTeammate).toEqual([]);

  await ming.page.getByTestId("attach").setInputFiles(disguised);
  await ming.write("look at my cat");
  await lin.sees("look at my cat");
  await lin.page.getByTestId("composer-attach").setInputFiles(disguised);
  await expect(lin.page.locator("[data-testid=upload][data-done]")).toHaveCount(1);
  await lin.reply("and at mine");
  await ming.sees("and at mine");
  await lin.sees("and at mine");

  for (const text of ["look at my cat", "and at mine"]) {
    await expect(lin.message(text).locator("img")).toHaveCount(0);
    const link = lin.message(text).getByRole("link", { name: "Download cat.png" });
    const address = new URL((await link.getAttribute("href"))!, hub.url).href;
    let answer = await lin.page.request.get(address);
    // A node that is killed just now answers nothing; a browser would ask again.
    await expect(async () => {
      if (!answer.ok()) answer = await lin.page.request.get(address);
      expect(answer.status()).toBe(200);
    }).toPass({ timeout: 20_000 });
    expect(answer.headers()["content-disposition"]).toMatch(/^attachment/);
    expect(answer.headers()["x-content-type-options"]).toBe("nosniff");
    expect(answer.headers()["content-security-policy"]).toContain("sandbox");
    const download = lin.page.waitForEvent("download");
    await link.click();
    expect((await download).suggestedFilename()).toBe("cat.png");
  }
  await expect(ming.messages().filter({ hasText: "and at mine" }).locator("img")).toHaveCount(0);
  for (const page of [lin.page, ming.page]) expect(await page.title()).not.toBe("owned");
});

test("a file that is refused says why, is not tried in vain, and is removed before the message goes", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Refused", "agent")).link, {}, "Refused");
  const ming = await Visitor.at(browser, hub.shopURL);
  await ming.write("Where is the list?");
  await lin.openRow("Where is the list?");
  const { page } = lin;
  await page.getByTestId("composer-input").fill("Here it is");
  await page.getByTestId("composer-attach").setInputFiles({ name: "list.txt", mimeType: "text/plain", buffer: Buffer.from("") });
  const refused = page.locator("[data-testid=upload][data-failed]");
  await expect(refused).toContainText("The file is empty");
  await expect(refused.getByRole("button")).toHaveCount(1);
  await expect(page.locator(".composer-hint")).toHaveText("Remove the file that could not be uploaded.");
  await page.getByTestId("composer-input").press("Control+Enter");
  await expect(page.locator("span[role=alert]")).toHaveText("Remove the file that could not be uploaded.");
  await refused.getByRole("button").click();
  await page.getByTestId("composer-send").click();
  await ming.sees("Here it is");
});

test("files for teammates stay with the note", async ({ browser }) => {
  const { hub, api } = shared;
  const lin = await Teammate.signIn(browser, (await api.invite("Note", "agent")).link, {}, "Note");
  const ming = await Visitor.at(browser, hub.shopURL);
  await ming.write("Anything written about me?");
  await lin.openRow("Anything written about me?");
  const { page } = lin;
  await page.getByTestId("composer-tab-note").click();
  await page.getByTestId("composer-attach").setInputFiles({ name: "internal.txt", mimeType: "text/plain", buffer: Buffer.from("internal") });
  await expect(page.locator("[data-testid=upload][data-done]")).toHaveCount(1);
  await page.getByTestId("composer-tab-reply").click();
  await expect(page.getByTestId("upload")).toHaveCount(0);
  await lin.reply("Nothing at all");
  await ming.sees("Nothing at all");
  await expect(ming.page.getByText("internal.txt")).toHaveCount(0);
  await lin.note("seen in March");
  await expect(lin.message("seen in March")).toContainText("internal.txt");
});
