import { type Page, expect, test } from "../src/test";

import { everything, furnishBehaviour, regulars } from "../src/behaviour";
import { crawl, prepareCrawl } from "../src/crawl";
import { Api, Hub, visitorWrites } from "../src/hub";
import { Teammate, Visitor } from "../src/people";

interface House {
  hub: Hub;
  api: Api;
  page: Page;
  conversation: string;
  customer: string;
  account: string;
  segment: string;
  used: string;
  journey: string;
  /** A journey that fits on the canvas, so that everything can be clicked. */
  canvas: string;
  restore: () => Promise<void>;
}

/** A journey with a message, a wait and a task. */
function smallJourney() {
  return {
    trigger: { kind: "event", event: "Order Completed" },
    entry: { policy: "once" },
    start: "hello",
    nodes: [
      { id: "hello", kind: "message", next: "answer", message: { channels: ["webchat", "email"], purpose: "transactional", subject: "Hello", body: "Hello {{ customer.name }}" } },
      { id: "answer", kind: "wait", wait: { reply: true, for: "2d" }, else: "call" },
      { id: "call", kind: "task", task: { title: "Call", due: "24h", assignee: { kind: "conversation" } } },
    ],
  };
}

/** A hub with some of everything, an owner in a browser, and the way back to where it began. */
async function furnished(page: Page): Promise<House> {
  const hub = await Hub.start();
  const api = Api.owner(hub);
  const { conversation } = await visitorWrites(hub, ["你好", "Is the teapot still there? https://shop.example/teapot"]);
  await visitorWrites(hub, ["And the Keemun?"]);
  await api.call("POST", `/conversations/${conversation}/messages`, { client_key: "1", kind: "text", body: "It is.", attachment_ids: [] });
  const customer = (await api.call<{ customer: { id: string } }>("GET", `/conversations/${conversation}`)).customer.id;
  const lin = await api.invite("Lin", "owner");
  const wei = await api.invite("Wei", "agent");
  const team = await api.call<{ id: string }>("POST", "/teams", { name: "Sales", member_ids: [wei.id] });
  const config = { origins: ["https://shop.example"], title: { en: "Chat", "zh-CN": "聊天" }, greeting: { en: "Hello", "zh-CN": "您好" } };
  await api.call("POST", "/tokens", { name: "Back end", role: "agent" });
  const { segment, used, ming } = await furnishBehaviour(hub, api);
  const graph = smallJourney();
  const journey = (await api.call<{ id: string }>("POST", "/journeys", { name: "Invite", graph })).id;
  const little = { ...graph, nodes: [{ ...graph.nodes[0], next: "" }] };
  const canvas = (await api.call<{ id: string }>("POST", "/journeys", { name: "Hello", graph: little })).id;
  const task = (await api.call<{ id: string }>("POST", "/tasks", { title: "Call Ming", note: "About the teapot", customer_id: customer, assignee_id: lin.id, due_at: new Date(Date.now() - 3_600_000).toISOString() })).id;
  // Beside a real account the sandbox, which all this needed, ends.
  const account = (await api.call<{ id: string }>("POST", "/accounts", { channel: "webchat", name: "Shop", config })).id;
  await prepareCrawl(page);
  await page.goto(lin.link);
  await page.getByTestId("sign-in-link-submit").click();
  await page.getByTestId("welcome-name").fill("Lin");
  await page.getByTestId("welcome-password").fill("correct horse battery");
  await page.getByTestId("welcome-submit").click();
  await new Teammate(page).connected();
  const mine = (path: string, body: unknown, method = "PATCH") => page.request.fetch(`${hub.url}/api/v1${path}`, { method, headers: { "X-Fanward-CSRF": "1" }, data: body });
  const segments = { [segment]: { name: "Reachable regulars", description: "Shanghai and Beijing", rule: everything(used) }, [used]: { name: "本月常客", description: "", rule: regulars } };
  const restoreBehaviour = async () => {
    for (const { id, version } of (await api.call<{ items: { id: string; version: number }[] }>("GET", "/segments")).items) {
      const wanted = segments[id];
      if (wanted) await api.call("PUT", `/segments/${id}`, { ...wanted, version });
      else await api.call("DELETE", `/segments/${id}`);
    }
    await api.call("PUT", `/customers/${ming}/stage`, { stage: "customer", reason: "" });
    await api.call("PUT", `/customers/${ming}/tags`, { add: ["vip"], remove: [] });
    await api.call("PUT", "/stages/order", { keys: ["target", "lead", "customer", "member", "fan", "lapsed"] });
    const held = (await api.call<{ items: { name: string; revoked_at: string | null }[] }>("GET", "/write-keys")).items.filter((k) => !k.revoked_at);
    if (!held.some((k) => k.name === "Back end")) await api.call("POST", "/write-keys", { name: "Back end", kind: "server" });
    if (!held.some((k) => k.name === "shop.example")) await api.call("POST", "/write-keys", { name: "shop.example", kind: "browser" });
    await api.call("PUT", "/sending", { quiet: { enabled: true, from: "22:00", to: "08:00" }, cap: { enabled: true, max: 3, days: 7 } });
  };
  const restore = async () => {
    await Promise.all([
      mine("/me", { name: "Lin", locale: "en", theme: "system", availability: "available" }),
      api.call("PATCH", `/conversations/${conversation}`, { status: "open", assignee_id: null, team_id: null }),
      api.call("PATCH", `/customers/${customer}`, { name: "Ming", locale: "zh-CN", attributes: { tier: "gold" } }),
      api.call("PATCH", `/teammates/${wei.id}`, { disabled: false }),
      api.call("PATCH", `/accounts/${account}`, { status: "active" }),
    ]);
    const teams = (await api.call<{ items: { id: string }[] }>("GET", "/teams")).items;
    if (!teams.some((t) => t.id === team.id) && teams.length === 0) await api.call("POST", "/teams", { name: "Sales", member_ids: [wei.id] });
    await mine(`/conversations/${conversation}/draft`, undefined, "DELETE");
    await restoreBehaviour();
    if ((await api.call<{ state: string }>("GET", `/tasks/${task}`)).state !== "open") await api.call("POST", `/tasks/${task}/reopen`);
    for (const [id, name, drawn] of [[journey, "Invite", graph], [canvas, "Hello", little]] as const) {
      const { draft_version } = await api.call<{ draft_version: number }>("GET", `/journeys/${id}`);
      await api.call("PUT", `/journeys/${id}`, { name, graph: drawn, draft_version });
    }
  };
  await restore();
  return { hub, api, page, conversation, customer, account, segment, used, journey, canvas, restore };
}

/**
 * What would end the crawl: signing out and deleting a segment, which have tests of
 * their own, revoking the token the crawl works with, and the sandbox's own write
 * keys, which only a start makes.
 */
const skip = /^\|menuitem\|(Sign out|退出|Delete$)|Revoke: (e#e|sandbox)/;

async function crawlPages(house: House, paths: string[]): Promise<number> {
  const { hub, page, restore } = house;
  const seen = new Set<string>();
  const dead: string[] = [];
  let clicked = 0;
  for (const path of paths) {
    const fresh = async (wrote: boolean) => {
      if (wrote) await restore();
      await page.evaluate(() => localStorage.clear());
      await page.goto(hub.url + path);
      await new Teammate(page).connected();
      await expect(page.locator("main").getByRole("heading").first()).toBeAttached();
    };
    const found = await crawl(page, { fresh, blank: `${hub.url}/healthz`, skip, seen });
    dead.push(...found.dead.map((d) => `${path}: ${d}`));
    clicked += found.clicked;
  }
  expect(dead).toEqual([]);
  return clicked;
}

const parts: { name: string; paths: (h: House) => string[]; least: number }[] = [
  { name: "the inbox", paths: (h) => [`/inbox/${h.conversation}`, "/inbox"], least: 60 },
  { name: "customers, teammates, teams, tokens", paths: (h) => ["/customers", `/customers/${h.customer}`, "/deliveries", "/teammates", "/teams", "/tokens"], least: 50 },
  { name: "segments", paths: (h) => [`/segments/${h.segment}`, `/segments/${h.used}?tab=people`, `/segments/${h.used}?tab=history`, "/segments/new"], least: 60 },
  { name: "stages, events, write keys, rules of sending", paths: () => ["/segments", "/stages", "/events", "/events?tab=debugger", "/settings/write-keys", "/settings/sending"], least: 50 },
  { name: "channel accounts and preferences", paths: (h) => ["/accounts", `/accounts/${h.account}`, "/accounts/new", "/accounts/new?channel=wechat", "/accounts/new?channel=email", "/preferences"], least: 70 },
  { name: "a journey's canvas and list", paths: (h) => [`/journeys/${h.canvas}`, `/journeys/${h.journey}?tab=list`, "/journeys"], least: 30 },
  { name: "a journey's steps", paths: (h) => ["$trigger", "hello", "answer", "call"].map((node) => `/journeys/${h.journey}?tab=list&node=${encodeURIComponent(node)}`), least: 40 },
  { name: "a journey's people, my day", paths: (h) => [`/journeys/${h.journey}?tab=people`, `/journeys/${h.journey}?tab=overview`, "/tasks"], least: 20 },
];

for (const { name, paths, least } of parts) {
  test(`every control has an effect: ${name}`, { tag: "@long" }, async ({ browser }) => {
    test.setTimeout(600_000);
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en", permissions: ["clipboard-write"] });
    const house = await furnished(await context.newPage());
    try {
      // A crawl that clicked little found little.
      const clicked = await crawlPages(house, paths(house));
      test.info().annotations.push({ type: "clicked", description: String(clicked) });
      expect(clicked).toBeGreaterThan(least);
    } finally {
      await house.hub.stop();
    }
  });
}

test("every control has an effect: the demo shop and its widget", async ({ browser }) => {
  test.setTimeout(400_000);
  const hub = await Hub.start();
  try {
    const context = await browser.newContext({ locale: "en" });
    const page = await context.newPage();
    await prepareCrawl(page);
    const visitor = new Visitor(page);
    let clicked = 0;
    const dead: string[] = [];
    const seen = new Set<string>();
    for (const path of ["/", "/#/tea/longjing", "/#/cart"]) {
      const found = await crawl(page, {
        seen,
        fresh: async () => {
          await page.goto(hub.shopURL + "/icon.svg"); // the same origin without the shop
          await page.evaluate(() => localStorage.clear());
          await page.goto(hub.shopURL + path);
          await expect(page.getByTestId("launcher")).toBeVisible();
        },
      });
      dead.push(...found.dead);
      clicked += found.clicked;
    }
    const open = await crawl(page, {
      within: "fanward-widget",
      fresh: async () => {
        await page.goto(hub.shopURL + "/icon.svg");
        await page.evaluate(() => localStorage.clear());
        await page.goto(hub.shopURL);
        await visitor.open();
        await page.getByTestId("input").fill("a draft");
      },
    });
    expect([...dead, ...open.dead]).toEqual([]);
    expect(clicked).toBeGreaterThan(12);
    expect(open.clicked).toBeGreaterThan(3);
  } finally {
    await hub.stop();
  }
});
