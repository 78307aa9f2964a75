import { beforeEach, expect, test } from "vitest";
import type { ClientFrame } from "./frames";
import { Watches, type Watched } from "./watches";

let said: ClientFrame[];
let woken: Watched[];
let watches: Watches;
const settled = () => Promise.resolve();
const frame = (customer_ids: string[], events = false, calls = false) => ({ t: "watch", customer_ids, events, calls });

beforeEach(() => {
  said = [];
  woken = [];
  watches = new Watches(
    (f) => said.push(f) > 0,
    (w) => woken.push(w),
  );
});

test("going from one page to another is said once, with all that is shown", async () => {
  const leave = watches.add({ of: "customer", customer_id: "1" });
  watches.add({ of: "calls" });
  await settled();
  leave();
  watches.add({ of: "customer", customer_id: "2" });
  await settled();
  expect(said).toEqual([frame(["1"], false, true), frame(["2"], false, true)]);
});

test("what two places show is watched until both have gone", async () => {
  const leave = [watches.add({ of: "events" }), watches.add({ of: "events" })];
  leave[0]!();
  await settled();
  leave[1]!();
  await settled();
  expect(said).toEqual([frame([], true), frame([])]);
});

test("a new socket hears what is shown, and nothing when nothing is", async () => {
  watches.connected();
  await settled();
  expect(said).toEqual([]);
  watches.add({ of: "events" });
  await settled();
  watches.connected();
  await settled();
  expect(said).toEqual([frame([], true), frame([], true)]);
});

test("after a gap everything shown is asked for", () => {
  watches.add({ of: "customer", customer_id: "1" });
  watches.add({ of: "events" });
  watches.missed();
  expect(woken).toEqual([{ of: "customer", customer_id: "1" }, { of: "events" }]);
});
