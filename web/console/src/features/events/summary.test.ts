import { expect, test } from "vitest";
import { propertySummary } from "./summary";

test("an event's properties in one line", () => {
  expect(propertySummary({})).toBe("");
  expect(propertySummary({ amount: 128, sku: "T-9", gift: false, note: null })).toBe("amount 128 · sku T-9 · gift false · note –");
  expect(propertySummary({ products: [1, 2], address: { city: "上海" }, long: "x".repeat(60), a: 1, b: 2 })).toBe(`products [2] · address {…} · long ${"x".repeat(39)}… · a 1 …`);
});
