import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import { beforeAll, expect, test, vi } from "vitest";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import { startI18n } from "@/i18n";
import { IdentityList } from "./IdentityList";

vi.mock("@/ui/form-dialog", () => ({ useConfirm: () => async () => true }));

beforeAll(() => startI18n("en"));

test("what is held stays on screen when asking for it again fails", async () => {
  const identities = vi.spyOn(api, "identities").mockResolvedValueOnce({ items: [{ id: "1", kind: "email", value: "ming@example.com", verified: true, created_at: "2026-01-02T03:04:05Z" }] } as never);
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  cache.setQueryData(keys.me, { id: "1", permissions: [] });
  cache.setQueryData(keys.accounts, { items: [] });
  render(
    <QueryClientProvider client={cache}>
      <IdentityList customerId="7" />
    </QueryClientProvider>,
  );
  await screen.findByText("ming@example.com");
  identities.mockRejectedValue(new Error("the line is down"));
  await cache.invalidateQueries({ queryKey: keys.identities("7") });
  await waitFor(() => expect(cache.getQueryState(keys.identities("7"))?.status).toBe("error"));
  expect(screen.getByText("ming@example.com")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});
