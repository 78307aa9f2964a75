import { type Page, expect, test } from "../src/test";
import { resolve } from "node:path";

import { Api, Hub } from "../src/hub";
import { Teammate, Visitor } from "../src/people";
import { Phone } from "../src/phone";

const shots = resolve(import.meta.dirname, "../test-results/screens");

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** The clock that the sandbox shares with the program. */
class SandboxClock {
  moved = 0;

  constructor(private readonly hub: Hub) {}

  async move(seconds: number): Promise<void> {
    const r = await fetch(`${this.hub.phoneURL}/phone/clock`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ seconds }) });
    if (!r.ok) throw new Error(`clock: ${r.status} ${await r.text()}`);
    this.moved += seconds;
  }

  /** Moves to an instant. */
  async to(at: number): Promise<void> {
    await this.move(Math.max(0, (at - this.now()) / 1000));
  }

  /** Moves to the next morning unless it is day: at night quiet hours hold marketing back. */
  async toDaytime(): Promise<void> {
    const at = new Date(this.now());
    if (at.getHours() >= 9 && at.getHours() < 18) return;
    at.setHours(10, 0, 0, 0);
    await this.to(at.getTime() < this.now() ? at.getTime() + day * 1000 : at.getTime());
  }

  now(): number {
    return Date.now() + this.moved * 1000;
  }
}

async function orders(page: Page): Promise<void> {
  await page.goto(new URL("/", page.url()).href);
  await page.locator("[data-add]").first().click();
  await page.getByTestId("cart").click();
  await page.getByTestId("order").click();
  await expect(page.getByTestId("thanks")).toBeVisible();
}

interface Segment {
  id: string;
  size: number;
}

interface Graph {
  trigger: { kind: string; segment?: string };
}

interface Events {
  items: { name: string; at: string }[];
}

// What people do decides what happens next: with the shipped configuration and its sandbox alone.
test("two orders make a regular, who is invited, becomes a member, and whom somebody calls", { tag: "@nodes" }, async ({ browser }) => {
  test.setTimeout(240_000);
  const hub = await Hub.start();
  try {
    const api = Api.owner(hub);
    const clock = new SandboxClock(hub);
    const owner = await Teammate.signIn(browser, hub.ownerLink(), { viewport: { width: 1440, height: 900 }, locale: "en" }, "Owner");
    const lin = await Teammate.signIn(browser, (await api.invite("Lin", "agent")).link, { viewport: { width: 1440, height: 900 }, locale: "en" });
    await clock.toDaytime();

    // Ming on WeChat and in the shop is one customer.
    const phone = await Phone.at(browser, hub.phoneURL, "Ming");
    await phone.follow();
    await phone.write("你好");
    const shop = await Visitor.at(browser, hub.shopURL, { locale: "en" });
    await shop.page.getByTestId("sign-in").click();
    const code = await shop.bindCode();
    await phone.scan(code);
    const people = async () => (await api.call<{ items: { id: string; name: string | null }[] }>("GET", "/customers")).items;
    await expect.poll(async () => (await people()).filter((c) => c.name === "Ming").length).toBe(1);
    const ming = (await people()).find((c) => c.name === "Ming")!;
    await api.call("PUT", `/customers/${ming.id}/stage`, { stage: "customer", reason: "Has bought" });

    // The segment and the journey that begins with it, from the gallery.
    const segment = await api.call<Segment>("POST", "/segments", {
      name: "Regulars",
      description: "",
      rule: { kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" } },
    });
    const invite = (await api.call<{ items: { key: string; graph: Graph }[] }>("GET", "/journey-templates")).items.find((t) => t.key === "invite")!.graph;
    invite.trigger.segment = segment.id;
    const journey = await api.call<{ id: string }>("POST", "/journeys", { name: "Invite to membership", graph: invite });
    await api.call("POST", `/journeys/${journey.id}/publish`, { people: "follow" });

    // What Ming does shows at once where it is looked at, on pages in which nothing is asked again by the clock.
    for (const { page } of [owner, lin]) await page.addInitScript(() => (window.setInterval = (() => 0) as never));
    await owner.goto(`${hub.url}/customers/${ming.id}`);
    await expect(owner.page.getByTestId("timeline")).toBeVisible();
    await lin.goto(`${hub.url}/events`);
    await expect(lin.page.getByTestId("event-row").first()).toBeVisible();

    // One order is not enough, the second is, at once.
    const members = async () => (await api.call<{ items: { customer: { id: string } }[] }>("GET", `/segments/${segment.id}/members`)).items.map((m) => m.customer.id);
    await orders(shop.page);
    const placed = async () => (await api.call<Events>("GET", `/events?name=Order+Completed&customer_id=${ming.id}`)).items;
    await expect.poll(async () => (await placed()).length).toBe(1);
    expect(await members()).toEqual([]);
    await expect(owner.page.getByTestId("timeline")).toContainText("Order Completed");
    await expect(lin.page.locator("[data-testid=event-row][data-event='Order Completed']")).toBeVisible();
    await owner.goto(`${hub.url}/segments/${segment.id}`);
    await orders(shop.page);
    await expect.poll(members, { intervals: [50, 100] }).toEqual([ming.id]);
    await expect(owner.page.getByTestId("segment-size")).toContainText("1");
    await owner.page.screenshot({ path: `${shots}/behaviour-segment.png` });

    // An hour later the invitation is on the phone, where Ming can be reached, and Ming is a member.
    const enrolled = async () => (await api.call<{ items: { state: string; node: string }[] }>("GET", `/journeys/${journey.id}/enrollments`)).items[0];
    await expect.poll(enrolled).toMatchObject({ state: "active", node: "pause" });
    await expect(phone.log()).not.toContainText("As a member");
    await clock.move(hour + minute);
    await expect(phone.log()).toContainText("As a member you get");
    await expect.poll(enrolled).toMatchObject({ state: "active", node: "answer" });
    await owner.goto(`${hub.url}/stages`);
    await expect(owner.page.locator("[data-testid=stage-column][data-stage=member]")).toContainText("Ming");
    await owner.page.screenshot({ path: `${shots}/behaviour-stages.png` });
    await owner.goto(`${hub.url}/journeys/${journey.id}`);
    await expect(owner.page.getByTestId("journey-canvas")).toBeVisible();
    await owner.page.screenshot({ path: `${shots}/behaviour-journey.png` });
    await owner.goto(`${hub.url}/journeys/${journey.id}?tab=people`);
    await owner.page.getByRole("button", { name: "Ming", exact: true }).press("Enter");
    await expect(owner.page.getByRole("dialog")).toContainText("Ming");

    // No answer in two days: a task for an agent, due in a day.
    await lin.goto(`${hub.url}/tasks`);
    await expect(lin.page.getByTestId("task-row")).toHaveCount(0);
    await clock.move(2 * day + minute);
    await expect(lin.page.getByTestId("task-row")).toContainText("Ming");
    const task = (await api.call<{ items: { due_at: string; assignee_id: string | null; source: { journey_name: string } }[] }>("GET", "/tasks")).items[0]!;
    expect(Math.abs(Date.parse(task.due_at) - (clock.now() + day * 1000))).toBeLessThan(10 * minute * 1000);
    expect(task.source.journey_name).toBe("Invite to membership");

    // Ming answers after all; the thread says what was asked, and Lin completes the task.
    await phone.write("好的，我要入会");
    await lin.goto(`${hub.url}/inbox?view=all`);
    await lin.openRow("我要入会");
    await lin.sees("我要入会");
    await expect(lin.page.getByTestId("journey-context")).toContainText("Invite to membership");
    await lin.page.screenshot({ path: `${shots}/behaviour-thread.png` });
    await lin.goto(`${hub.url}/tasks`);
    await lin.page.getByTestId("task-complete").first().click();
    await lin.page.getByTestId("task-outcome").getByText("Reached").click();
    await lin.page.getByTestId("task-outcome-note").fill("Signed up in the chat");
    await lin.page.getByTestId("dialog-submit").click();
    await expect.poll(async () => (await api.call<{ items: { state: string }[] }>("GET", "/tasks?state=done")).items.length).toBe(1);
    await lin.page.screenshot({ path: `${shots}/behaviour-tasks.png` });

    // One timeline tells it all.
    await owner.goto(`${hub.url}/customers/${ming.id}`);
    for (const told of ["Order Completed", "Member", "Invite to membership"]) await expect(owner.page.getByRole("main")).toContainText(told);
    await owner.page.screenshot({ path: `${shots}/behaviour-customer.png`, fullPage: true });

    // The second journey runs by a schedule: every morning, who was not seen for 30 days.
    const lapsed = (await api.call<{ items: { key: string; graph: Graph }[] }>("GET", "/journey-templates")).items.find((t) => t.key === "lapsed")!.graph;
    const second = await api.call<{ id: string }>("POST", "/journeys", { name: "Come back", graph: lapsed });
    await api.call("POST", `/journeys/${second.id}/publish`, { people: "follow" });

    // At the very second at which the window closes Ming is no regular any more.
    const first = Math.min(...(await placed()).map((e) => Date.parse(e.at)));
    const edge = first + 30 * day * 1000;
    await clock.to(edge - 20_000);
    expect(await members()).toEqual([ming.id]);
    await expect.poll(members, { timeout: 40_000, intervals: [100] }).toEqual([]);
    expect(clock.now()).toBeGreaterThanOrEqual(edge);
    const left = (await api.call<{ items: { entered: boolean; reason: string; at: string }[] }>("GET", `/segments/${segment.id}/changes`)).items[0]!;
    expect(left).toMatchObject({ entered: false, reason: "time" });
    expect(Date.parse(left.at) - edge).toBeGreaterThanOrEqual(0);
    expect(Date.parse(left.at) - edge).toBeLessThan(1000);

    // Ming was last seen on the third day: 31 days later the morning's schedule takes Ming.
    const came = async () => (await api.call<{ items: { customer: { id: string } }[] }>("GET", `/journeys/${second.id}/enrollments`)).items.map((e) => e.customer.id);
    expect(await came()).toEqual([]);
    await clock.move(5 * day);
    await expect.poll(came).toContain(ming.id);
  } finally {
    await hub.stop();
  }
});
