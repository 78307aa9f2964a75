import { type Locator, type Page, expect, test } from "../src/test";

import { Teammate, Visitor } from "../src/people";
import { sharedHub } from "../src/shared";

const shared = sharedHub();

interface Graph {
  start: string;
  trigger: { kind: string; segment?: string };
  nodes: { id: string; kind: string; next?: string; else?: string; ways?: { next?: string }[]; message?: { channels: string[]; body: string; subject?: string }; stage?: { to: string }; task?: { due: string } }[];
}

/** What the test says, in the language of the page. */
const words = {
  en: { segment: "Two orders in a month", entered: "somebody enters a segment", member: "Member", hours: "hours", name: "Invite to membership", wechat: "WeChat" },
  "zh-CN": { segment: "一个月内两单", entered: "客户进入人群", member: "会员", hours: "小时", name: "邀请入会", wechat: "微信" },
} as const;

/** Chooses from a list of choices. */
async function choose(page: Page, field: Locator, text: string): Promise<void> {
  await field.click();
  await page.locator(".ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option").filter({ hasText: text }).first().click();
}

/** The menu that is open; those that were stay in the page. */
const menu = ".ant-dropdown:not(.ant-dropdown-hidden)";

/** The canvas as one who builds a journey sees it. */
class Builder {
  constructor(readonly page: Page) {}

  get drawer(): Locator {
    return this.page.getByTestId("journey-drawer");
  }

  /** Puts a step of a kind into a way and answers its id; its drawer is open then. */
  async add(kind: string, after: string, port = "next"): Promise<string> {
    const plus = this.page.locator(`[data-testid=flow-add][data-after="${after}"][data-port="${port}"]`);
    await this.reach(plus);
    await plus.click();
    // The menu takes the focus a moment after it opens, and scrolls with it.
    await expect(this.page.locator(".flow-palette :focus")).toHaveCount(1);
    await this.page.locator(menu).getByTestId(`step-${kind}`).click();
    const card = this.page.locator(`[data-testid=flow-node][data-kind=${kind}][data-selected]`);
    await expect(card).toBeVisible();
    await expect(this.drawer).toBeVisible();
    return (await card.getAttribute("data-node-id"))!;
  }

  /** Turns the wheel until something on the canvas is in sight and stands still. */
  private async reach(what: Locator): Promise<void> {
    const box = (await this.page.getByTestId("journey-canvas").boundingBox())!;
    await this.page.mouse.move(box.x + 40, box.y + box.height / 2);
    let last = Number.NaN;
    await expect
      .poll(async () => {
        const { y, height } = (await what.boundingBox())!;
        const above = box.y + 20 - y;
        const below = y + height - (box.y + box.height - 20);
        const still = y === last;
        last = y;
        if (above <= 0 && below <= 0) return still;
        await this.page.mouse.wheel(0, above > 0 ? -above - 100 : below + 100);
        return false;
      })
      .toBe(true);
  }

  async saved(): Promise<void> {
    await expect(this.page.getByTestId("draft-state")).toHaveAttribute("data-state", "saved");
  }

  async errors(count: number): Promise<void> {
    await expect(this.page.getByTestId("problems")).toHaveAttribute("data-errors", String(count));
  }
}

const shape = (graph: Graph): string[] => {
  const out: string[] = [];
  const visit = (id: string | undefined): void => {
    const node = graph.nodes.find((n) => n.id === id);
    if (!node || out.includes(node.id)) return;
    out.push(node.id);
    for (const next of [...(node.ways ?? []).map((w) => w.next), node.next, node.else]) visit(next);
  };
  visit(graph.start);
  return out.map((id) => graph.nodes.find((n) => n.id === id)!.kind);
};

for (const locale of ["en", "zh-CN"] as const) {
  const say = words[locale];
  test(`the story's journey is built by hand and goes live (${locale})`, async ({ browser }) => {
    const { hub, api } = shared;
    const segment = await api.call<{ id: string }>("POST", "/segments", {
      name: say.segment,
      description: "",
      rule: { kind: "all", of: [{ kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" } }] },
    });
    const owner = await Teammate.signIn(browser, (await api.invite(`Builder-${locale.slice(0, 2)}`, "owner", { locale })).link, { locale, viewport: { width: 1440, height: 900 } }, "Builder");
    const { page } = owner;
    const b = new Builder(page);
    await page.getByTestId("nav-journeys").click();
    await page.getByTestId("create-journey").click();
    await page.getByTestId("template-blank").click();
    await expect(page.getByTestId("journey-canvas")).toBeVisible();
    await page.getByTestId("journey-name").fill(say.name);

    await page.locator('[data-flow-card="$trigger"]').click();
    await choose(page, page.getByTestId("trigger-kind"), say.entered);
    await choose(page, page.getByTestId("trigger-segment"), say.segment);

    const delay = await b.add("delay", "$trigger");
    await b.drawer.getByTestId("rule-duration").fill("2");
    await choose(page, b.drawer.getByTestId("rule-unit"), say.hours);

    const stage = await b.add("stage", delay);
    await choose(page, b.drawer.getByTestId("stage-to"), say.member);

    // Everybody comes to the stage again, whichever way they went.
    const branch = await b.add("branch", delay);
    await b.drawer.getByTestId("add-condition").click();
    await page.locator(menu).getByTestId("add-reachable").click();
    await choose(page, b.drawer.getByTestId("rule-channel"), say.wechat);

    const chat = await b.add("message", branch, "0");
    await b.drawer.getByTestId("flow-channel").filter({ hasText: "E-mail" }).or(b.drawer.locator("[data-channel=email]")).first().getByRole("button").last().click();
    await b.drawer.locator("[data-channel=webchat]").getByRole("button").last().click();
    await expect(b.drawer.getByTestId("flow-channel")).toHaveCount(1);
    await b.drawer.getByTestId("flow-body").fill("你好 ");
    await b.drawer.getByTestId("flow-body-insert").click();
    await page.locator(".flow-vars").getByRole("menuitem").first().click();
    await expect(b.drawer.getByTestId("flow-body")).toHaveValue(/^你好 {{ customer\.name/);

    const mail = await b.add("message", branch, "else");
    await b.drawer.locator("[data-channel=wechat]").getByRole("button").last().click();
    await b.drawer.getByTestId("flow-subject").fill("For {{ customer.name }}");
    await b.drawer.getByTestId("flow-body").fill("Will you become a member?");

    const wait = await b.add("wait", stage);
    await b.drawer.getByTestId("rule-duration").fill("2");
    const task = await b.add("task", wait, "else");
    await b.saved();
    await b.errors(1);

    // The list of what is missing leads to its place.
    await b.drawer.getByTestId("drawer-close").click();
    await page.getByTestId("problems").click();
    await page.getByTestId("problem").first().click();
    await expect(page.locator(`[data-testid=flow-node][data-node-id="${task}"]`)).toHaveAttribute("data-selected", "");
    await b.drawer.getByTestId("flow-task-title").fill("Call {{ customer.name }}");
    await b.saved();
    await b.errors(0);

    // A step too many is taken back by the keyboard.
    await b.add("tag", task);
    await b.drawer.getByTestId("drawer-close").click();
    await page.keyboard.press("Control+z");
    await expect(page.locator("[data-testid=flow-node][data-kind=tag]")).toHaveCount(0);
    await page.keyboard.press("Control+Shift+z");
    await expect(page.locator("[data-testid=flow-node][data-kind=tag]")).toHaveCount(1);
    await page.keyboard.press("Control+z");
    await expect(page.locator("[data-testid=flow-node][data-kind=tag]")).toHaveCount(0);
    await b.saved();

    const id = /journeys\/(\d+)/.exec(page.url())![1]!;
    await page.getByTestId("publish").click();
    await page.getByTestId("dialog-submit").click();
    await expect(page.getByTestId("journey-state")).toHaveAttribute("data-state", "live");
    const { live, name } = await api.call<{ live: Graph; name: string }>("GET", `/journeys/${id}`);
    expect(name).toBe(say.name);
    expect(live.trigger).toMatchObject({ kind: "segment_entered", segment: segment.id });
    expect(shape(live)).toEqual(["delay", "branch", "message", "stage", "wait", "task", "message"]);
    const of = (node: string) => live.nodes.find((n) => n.id === node)!;
    expect(of(chat).message?.channels).toEqual(["wechat"]);
    expect(of(mail).message).toMatchObject({ channels: ["email", "webchat"], subject: "For {{ customer.name }}" });
    expect([of(chat).next, of(mail).next]).toEqual([stage, stage]);
    expect(of(stage).stage?.to).toBe("member");
    expect(of(task).task?.due).toBe("24h");

    // The same journey as a list, which the keyboard and a reader can walk.
    await page.getByTestId("journey-tabs").locator(".ant-segmented-item").nth(1).click();
    await expect(page.getByTestId("journey-outline").getByTestId("flow-node")).toHaveCount(8);
  });
}

test("two people draw at once: the second is told and chooses; nothing is lost without a word", async ({ browser }) => {
  const { hub, api } = shared;
  const made = await api.call<{ id: string; draft: Graph; draft_version: number }>("POST", "/journeys", { name: "Shared" });
  const owner = await Teammate.signIn(browser, (await api.invite("Drawer", "owner")).link, { viewport: { width: 1440, height: 900 } }, "Drawer");
  const { page } = owner;
  await owner.goto(`${hub.url}/journeys/${made.id}`);
  const b = new Builder(page);
  await page.getByTestId("journey-name").fill("Mine");
  await b.saved();
  // The other's draft is stored while this one is on its way.
  await page.route(`**/api/v1/journeys/${made.id}`, async (route) => {
    if (route.request().method() === "PUT") {
      const now = await api.call<{ draft: Graph; draft_version: number }>("GET", `/journeys/${made.id}`);
      if (now.draft_version < 3) await api.call("PUT", `/journeys/${made.id}`, { name: "Theirs", graph: now.draft, draft_version: now.draft_version });
    }
    await route.continue();
  });
  await page.getByTestId("journey-name").fill("Mine again");
  await expect(page.getByTestId("draft-conflict")).toBeVisible();
  await page.unrouteAll({ behavior: "wait" });
  await page.reload();
  // What could not be saved is still here, and still not written over the other's.
  await expect(page.getByTestId("journey-name")).toHaveValue("Mine again");
  await expect(page.getByTestId("draft-conflict")).toBeVisible();
  expect((await api.call<{ name: string }>("GET", `/journeys/${made.id}`)).name).toBe("Theirs");
  await page.getByTestId("draft-conflict").getByRole("button").first().click();
  await expect(page.getByTestId("journey-name")).toHaveValue("Theirs");
  await b.saved();
});

test("a canvas without unsaved changes follows the draft that is stored, and only what is on screen is published", async ({ browser }) => {
  const { hub, api } = shared;
  const step = (id: string, body: string, next = "") => ({ id, kind: "message", next, message: { channels: ["webchat"], purpose: "marketing", body } });
  const drawn = (nodes: object[]) => ({ trigger: { kind: "event", event: "Order Completed" }, entry: { policy: "once" }, start: "hello", nodes });
  const made = await api.call<{ id: string; draft_version: number }>("POST", "/journeys", { name: "Followed", graph: drawn([step("hello", "Hello")]) });
  const path = `/journeys/${made.id}`;
  const save = (name: string, version: number, nodes: object[]) => api.call("PUT", path, { name, graph: drawn(nodes), draft_version: version });
  const owner = await Teammate.signIn(browser, (await api.invite("Watcher", "owner")).link, { viewport: { width: 1440, height: 900 } }, "Watcher");
  const { page } = owner;
  await owner.goto(`${hub.url}${path}?node=hello`);
  const card = (id: string) => page.locator(`[data-node-id="${id}"]`);
  await expect(card("hello")).toBeVisible();

  await save("Followed on", made.draft_version, [step("hello", "Hello", "again"), step("again", "Hello again")]);
  await expect(card("again")).toBeVisible();
  await expect(page.getByTestId("journey-name")).toHaveValue("Followed on");
  await expect(page.getByTestId("draft-state")).toHaveAttribute("data-state", "saved");
  await expect(page.getByTestId("journey-drawer")).toBeVisible();
  await expect(page.getByTestId("undo")).toBeDisabled();

  // What is decided about is what was on screen, though another draft is stored meanwhile.
  await page.getByTestId("publish").click();
  await expect(page.getByTestId("dialog-submit")).toBeVisible();
  await save("Another", made.draft_version + 1, [step("hello", "Goodbye")]);
  await page.getByTestId("dialog-submit").click();
  await expect(page.getByTestId("publish-changed")).toBeVisible();
  expect((await api.call<{ state: string }>("GET", path)).state).toBe("draft");
  await page.getByTestId("publish-load").click();
  await expect(page.getByTestId("dialog-submit")).toHaveCount(0);
  await expect(page.getByTestId("journey-name")).toHaveValue("Another");
  await expect(card("again")).toHaveCount(0);
  await page.getByTestId("publish").click();
  await page.getByTestId("dialog-submit").click();
  await expect(page.getByTestId("journey-state")).toHaveAttribute("data-state", "live");
  expect((await api.call<{ live: Graph }>("GET", path)).live.nodes).toHaveLength(1);
});

test("a task is made beside the thread, stands on my day, and ends with an outcome that can be taken back", async ({ browser }) => {
  const { hub, api } = shared;
  const invited = await api.invite("Tasker", "agent");
  const agent = await Teammate.signIn(browser, invited.link, { viewport: { width: 1440, height: 900 } }, "Tasker");
  await (await Visitor.at(browser, hub.shopURL)).write("Please call me back");
  const { page } = agent;
  await page.getByTestId("view-all").click();
  await agent.openRow("Please call me back");
  if (await page.getByTestId("show-panel").isVisible()) await page.getByTestId("show-panel").click();
  await page.getByTestId("task-add").click();
  await page.getByTestId("task-title").fill("Call back");
  await page.getByTestId("dialog-submit").click();
  await expect(page.getByTestId("customer-tasks").getByTestId("task-row")).toContainText("Call back");

  // Somebody else gives a task: it appears without a reload and counts on the rail.
  await api.call("POST", "/tasks", { title: "Given by a manager", assignee_id: invited.id, due_at: new Date(Date.now() - 3_600_000).toISOString() });
  await expect(page.getByTestId("nav-tasks")).toContainText("1");
  await page.getByTestId("nav-tasks").click();
  await expect(page.locator("[data-group=overdue]").getByTestId("task-row")).toContainText("Given by a manager");
  await expect(page.getByTestId("task-row")).toHaveCount(2);

  const row = page.getByTestId("task-row").filter({ hasText: "Call back" });
  await row.getByTestId("task-complete").click();
  await page.getByTestId("task-outcome").getByText("Sold").click();
  await page.getByTestId("task-outcome-note").fill("Two tins of Longjing");
  await page.getByTestId("dialog-submit").click();
  await expect(row).toHaveCount(0);
  await page.getByTestId("task-state").getByText("Done").click();
  await expect(row).toContainText("Two tins of Longjing");
  await expect(row).toContainText("Sold");
  await row.getByTestId("task-reopen").click();
  await page.getByTestId("task-state").getByText("Open").click();
  await expect(row).toHaveAttribute("data-state", "open");
});
