// What a shop's back end sends, and what makes segments and stages worth looking at.
import type { Api, Hub } from "./hub";

/** Sends one call of the tracking API with a write key. */
export async function track(hub: Hub, key: string, type: "track" | "identify", body: Record<string, unknown>): Promise<void> {
  const r = await fetch(`${hub.visitorsURL}/v1/${type}`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!r.ok) throw new Error(`${type}: ${r.status} ${await r.text()}`);
}

export const order = (hub: Hub, key: string, user: string, amount: number) => track(hub, key, "track", { userId: user, event: "Order Completed", properties: { amount, sku: "T-9" } });

/** The condition of the story: two orders of at least 100 within 30 days. */
export const regulars = { kind: "all", of: [{ kind: "event", name: "Order Completed", op: "at_least", value: 2, window: { last: "30d" }, where: [{ property: "amount", op: "at_least", value: 100 }] }] };

/** Every kind of condition, in groups within groups. */
export const everything = (segment: string) => ({
  kind: "all",
  of: [
    { kind: "segment", id: segment },
    { kind: "any", of: [{ kind: "attribute", name: "city", op: "in", values: ["上海", "北京"] }, { kind: "tag", name: "vip" }, { kind: "stage", values: ["lead", "customer"], duration: "1d" }] },
    { kind: "none", of: [{ kind: "dormant", duration: "90d" }] },
    { kind: "event", name: "Order Completed", measure: "sum", property: "amount", op: "at_least", value: 100 },
    { kind: "time", name: "Order Completed", which: "last", op: "within_last", duration: "2w" },
    { kind: "reachable", channel: "any", purpose: "marketing" },
  ],
});

/** Ming, who bought twice and is tagged and moved; two segments; answers the id of the one that names the other. */
export async function furnishBehaviour(hub: Hub, api: Api): Promise<{ segment: string; used: string; ming: string }> {
  const { key } = await api.call<{ key: string }>("POST", "/write-keys", { name: "Back end", kind: "server" });
  await api.call("POST", "/write-keys", { name: "shop.example", kind: "browser" });
  await track(hub, key, "identify", { userId: "ming", traits: { name: "王小明", city: "上海", orders: 2 } });
  await order(hub, key, "ming", 128);
  await order(hub, key, "ming", 300);
  await track(hub, key, "track", { userId: "ming", properties: {} });
  const ming = (await api.call<{ items: { id: string }[] }>("GET", `/customers?q=${encodeURIComponent("王小明")}`)).items[0]!.id;
  await api.call("PUT", `/customers/${ming}/tags`, { add: ["vip"], remove: [] });
  await api.call("PUT", `/customers/${ming}/stage`, { stage: "customer", reason: "两次下单" });
  const used = (await api.call<{ id: string }>("POST", "/segments", { name: "本月常客", description: "", rule: regulars })).id;
  const segment = (await api.call<{ id: string }>("POST", "/segments", { name: "Reachable regulars", description: "Shanghai and Beijing", rule: everything(used) })).id;
  return { segment, used, ming };
}
