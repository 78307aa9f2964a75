// The SDKs of Segment and RudderStack, as they come from the registry, against
// the real program: a thousand calls each, ten thousand in the long run, delivered
// twice, are stored once.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { expect, test } from "../src/test";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";

import { sharedHub } from "../src/shared";
import { Site } from "../src/site";

const shared = sharedHub();
const calls = Number(process.env["FANWARD_SDK_CALLS"] ?? 1_000);
const each = <T>(make: (i: number) => T): T[] => Array.from({ length: calls }, (_, i) => make(i));

const makeKey = async (kind: string): Promise<string> => (await shared.api.call<{ key: string }>("POST", "/write-keys", { name: "SDK", kind })).key;
const stored = async (event: string): Promise<number> => (await shared.api.call<{ total: number }>("GET", `/events?limit=1&total=true&name=${event}`)).total;

test("@segment/analytics-node", async () => {
  const writeKey = await makeKey("server");
  const errors: unknown[] = [];
  for (let delivery = 0; delivery < 2; delivery++) {
    const sdk = new Analytics({ writeKey, host: shared.hub.url, flushAt: 200, maxRetries: 3 });
    sdk.on("error", (e) => errors.push(e));
    for (const i of each((n) => n)) sdk.track({ messageId: `segment-node-${i}`, userId: `user-${i % 500}`, event: "SegmentNode", properties: { n: i }, timestamp: new Date(1_760_000_000_000 + i) });
    await sdk.closeAndFlush();
  }
  expect(errors).toEqual([]);
  expect(await stored("SegmentNode")).toBe(calls);
});

test("@rudderstack/rudder-sdk-node", async () => {
  const writeKey = await makeKey("server");
  for (let delivery = 0; delivery < 2; delivery++) {
    const sdk = new RudderAnalytics(writeKey, { dataPlaneUrl: shared.hub.url, flushAt: 200, maxInternalQueueSize: 2 * calls, logLevel: "error" });
    // Its queue looks at all that waits for every call that comes, so it is fed in portions.
    for (let from = 0; from < calls; from += 200) {
      let waiting = 200;
      const failed: Error[] = [];
      for (let i = from; i < from + 200; i++) {
        const call = { messageId: `rudder-node-${i}`, userId: `user-${i % 500}`, event: "RudderNode", properties: { n: i } }; // its types forget the messageId that it takes
        sdk.track(call, (err?: Error) => {
          waiting--;
          if (err) failed.push(err);
        });
      }
      while (waiting > 0) {
        await sdk.flush();
        await new Promise((ok) => setImmediate(ok));
      }
      expect(failed).toEqual([]);
    }
  }
  expect(await stored("RudderNode")).toBe(calls);
});

test("@segment/analytics-next in Chromium", async ({ page }) => {
  test.setTimeout(600_000); // every call is made by the browser, and every request delivered twice
  const writeKey = await makeKey("browser");
  const site = await Site.serve(() => "");
  try {
    await page.goto(site.url);
    // Every request is delivered twice, as a line that breaks before the answer does it.
    let twice = 0;
    let answered = 0;
    page.on("response", (r) => (answered += r.request().method() === "POST" ? 1 : 0)); // their bodies are never read, so that none is ever finished
    await page.route(`${shared.hub.url}/v1/**`, async (route) => {
      if (route.request().method() === "POST") {
        twice++;
        await route.fetch();
      }
      await route.continue();
    });
    const sdk = join(dirname(createRequire(import.meta.url).resolve("@segment/analytics-next/package.json")), "dist/umd/index.js");
    await page.addScriptTag({ path: sdk });
    await page.evaluate(
      async ({ writeKey, hub, calls }) => {
        interface SDK {
          track: (event: string, properties: object) => Promise<unknown>;
          identify: (user: string, traits: object) => Promise<unknown>;
        }
        const { AnalyticsBrowser } = (window as unknown as { AnalyticsNext: { AnalyticsBrowser: { load: (settings: object, options: object) => Promise<[SDK]> } } }).AnalyticsNext;
        const [analytics] = await AnalyticsBrowser.load({ writeKey, cdnURL: hub }, { integrations: { "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size: 100, timeout: 200 } } } } });
        await analytics.identify("somebody", { email: "somebody@example.com" });
        for (let from = 0; from < calls; from += 200) await Promise.all(Array.from({ length: 200 }, (_, n) => analytics.track("SegmentBrowser", { n: from + n })));
      },
      { writeKey, hub: shared.hub.url, calls },
    );
    await expect.poll(() => stored("SegmentBrowser"), { timeout: 400_000 }).toBe(calls);
    expect(twice).toBeGreaterThan(0);
    await expect.poll(() => answered).toBe(twice);
    // Nothing more comes, and the browser has proven nothing.
    // Calls are written down to be looked at a moment after they are answered.
    const statuses = async () => (await shared.api.call<{ items: { status: string }[] }>("GET", "/tracking/calls?limit=200")).items.map((c) => c.status);
    await expect.poll(statuses).toContain("duplicate");
    expect(await stored("SegmentBrowser")).toBe(calls);
  } finally {
    await site.close();
  }
});

test("an order at the demo shop counts for whoever is signed in, and for nobody known when nobody is", async ({ page }) => {
  const orders = async (): Promise<{ customer_id: string; properties: { total: number } }[]> =>
    (await shared.api.call<{ items: { customer_id: string; properties: { total: number } }[] }>("GET", "/events?name=Order%20Completed")).items;
  await page.goto(shared.hub.shopURL);
  const buy = async (): Promise<void> => {
    await page.locator("[data-add=longjing]").click();
    await page.getByTestId("cart").click();
    await page.getByTestId("order").click();
    await expect(page.getByTestId("thanks")).toBeVisible();
    await expect(page.getByTestId("cart-count")).toHaveText("0");
    await page.goto(`${shared.hub.shopURL}/#/`);
  };
  await buy();
  await page.getByTestId("sign-in").click();
  await expect(page.getByTestId("sign-out")).toBeVisible();
  await buy();
  const [second, first] = await orders();
  expect(second?.properties.total).toBe(168);
  // Signing in has joined the browser to Ming, with what it had done before.
  expect(first?.customer_id).toBe(second?.customer_id);
  const ming = await shared.api.call<{ name: string }>("GET", `/customers/${second?.customer_id}`);
  expect(ming.name).toBe("Ming");
  await page.locator("[data-testid=product]").first().click();
  await expect.poll(() => stored("Product%20Viewed")).toBe(1);
});
