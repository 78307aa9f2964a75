import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import { beforeAll, expect, test, vi } from "vitest";
import type { Customer } from "@/api/types";
import { startI18n } from "@/i18n";
import { CustomerForm } from "./CustomerForm";

vi.mock("@/ui/save-bar", () => ({ SaveBar: () => null }));
vi.mock("@/realtime/provider", () => ({ useRealtime: () => ({}) }));

beforeAll(() => startI18n("en"));

const ming = { id: "1", name: "Ming", locale: "en", timezone: "", attributes: { city: "Shanghai" } } as unknown as Customer;

test.each([true, false])("whoever may not change a record sees that of every field (%s)", (readOnly) => {
  const { container } = render(
    <QueryClientProvider client={new QueryClient()}>
      <CustomerForm customer={ming} readOnly={readOnly} />
    </QueryClientProvider>,
  );
  const fields = [...container.querySelectorAll<HTMLInputElement | HTMLButtonElement>("input, button")];
  expect(fields.length).toBeGreaterThan(4);
  expect(fields.filter((f) => f.hasAttribute("disabled") !== readOnly).map((f) => f.outerHTML)).toEqual([]);
  expect(screen.getByTestId("customer-name").classList.contains("ant-input-disabled")).toBe(readOnly);
});
