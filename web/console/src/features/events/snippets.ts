import type { WriteKey } from "@/api/behaviour";

/** How to send behaviour, by library; the names of libraries are not translated. */
export function snippets(kind: WriteKey["kind"], key: string, origin: string): Record<string, string> {
  const { host, protocol } = new URL(origin);
  const browser = `import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load(
  { writeKey: "${key}", cdnURL: "${origin}" },
  { integrations: { "Segment.io": { apiHost: "${host}/v1", protocol: "${protocol.replace(":", "")}" } } },
);
analytics.track("Product Viewed", { sku: "T-9", price: 128 });`;
  if (kind === "browser") return { "analytics-next": browser };
  return {
    "analytics-node": `import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "${key}", host: "${origin}" });
analytics.identify({ userId: "user-1", traits: { name: "Ming", city: "上海" } });
analytics.track({ userId: "user-1", event: "Order Completed", properties: { total: 128 } });`,
    "rudder-sdk-node": `import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics("${key}", { dataPlaneUrl: "${origin}" });
analytics.track({ userId: "user-1", event: "Order Completed", properties: { total: 128 } });`,
    "analytics-go": `client, err := analytics.NewWithConfig("${key}", analytics.Config{Endpoint: "${origin}"})
if err != nil {
	return err
}
defer client.Close()
return client.Enqueue(analytics.Track{
	UserId:     "user-1",
	Event:      "Order Completed",
	Properties: analytics.NewProperties().Set("total", 128),
})`,
    curl: `curl -u "${key}:" ${origin}/v1/track \\
  -H "Content-Type: application/json" \\
  -d '{"userId":"user-1","event":"Order Completed","properties":{"total":128}}'`,
  };
}
