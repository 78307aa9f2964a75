import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import { beforeAll, expect, test, vi } from "vitest";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Me } from "@/api/types";
import { startI18n } from "@/i18n";
import Palette from "./Palette";

vi.mock("@tanstack/react-router", () => ({ useNavigate: () => () => {} }));

const me = { id: "1", name: "Lin", role: "agent", locale: "en", theme: "system", availability: "available", permissions: ["inbox.read"] } as unknown as Me;

beforeAll(() => startI18n("en"));

test("an Enter that follows the last letter at once runs what was typed", async () => {
  const update = vi.spyOn(api, "updateMe").mockImplementation(async (patch) => ({ ...me, ...patch }) as never);
  const cache = new QueryClient();
  cache.setQueryData(keys.me, me);
  render(
    <QueryClientProvider client={cache}>
      <Palette onClose={() => {}} />
    </QueryClientProvider>,
  );
  const input = await screen.findByRole("combobox");
  // As a browser does it: React may put off what is not urgent between the two events.
  const acting = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  acting.IS_REACT_ACT_ENVIRONMENT = false;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(input, "dark");
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await Promise.resolve();
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(update).toHaveBeenCalledOnce());
  acting.IS_REACT_ACT_ENVIRONMENT = true;
  expect(update.mock.calls[0]![0]).toEqual({ theme: "dark" });
});
