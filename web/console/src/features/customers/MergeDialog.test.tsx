import { QueryClient, QueryClientProvider, type InfiniteData } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import { beforeAll, expect, test, vi } from "vitest";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Customer } from "@/api/types";
import { startI18n } from "@/i18n";
import { Feed } from "@/realtime/feed";
import { CustomerPicker } from "./CustomerPicker";
import { MergeDialog } from "./MergeDialog";

vi.mock("@/realtime/provider", () => ({ useRealtime: () => ({}) }));

beforeAll(() => startI18n("en"));

const person = (id: string, name: string) => ({ id, name, label: name, stage: null, tags: [], last_seen_at: null }) as unknown as Customer;

test("what is offered for a choice does not keep changes from the lists", async () => {
  vi.spyOn(api, "customers").mockResolvedValue({ items: [person("1", "Ming"), person("2", "Lan")], next_cursor: null } as never);
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  cache.setQueryData(keys.me, { id: "9", permissions: [] });
  cache.setQueryData(keys.customersBy({}), { pages: [{ items: [person("1", "Ming"), person("2", "Lan")] }], pageParams: [null] });
  const listed = () => cache.getQueryData<InfiniteData<{ items: Customer[] }>>(keys.customersBy({}))?.pages.flatMap((p) => p.items.map((c) => c.name));
  render(
    <QueryClientProvider client={cache}>
      <MergeDialog customer={person("1", "Ming")} onClose={() => {}} onMerged={() => {}} />
      <CustomerPicker value={null} onChange={() => {}} />
    </QueryClientProvider>,
  );
  await screen.findByTestId("merge-candidate");
  const feed = new Feed(cache);
  feed.apply({ kind: "customer", data: { customer: person("2", "Lan Lan") } });
  expect(listed()).toEqual(["Ming", "Lan Lan"]);
  feed.apply({ kind: "customer_merged", data: { customer_id: "2", into_id: "1" } });
  expect(listed()).toEqual(["Ming"]);
});
