import { expect, test } from "vitest";
import { snippets } from "./snippets";

test("the snippets name an order's sum as templates and conditions do", () => {
  const all = Object.values(snippets("server", "wk", "https://hub.example"));
  expect(all).toHaveLength(4);
  for (const code of all) {
    expect(code).toContain("total");
    expect(code).not.toContain("amount");
  }
});
