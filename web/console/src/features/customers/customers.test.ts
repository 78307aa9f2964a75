import { expect, test } from "vitest";
import { initials } from "@/ui/avatar";
import { shortValue } from "./identity";
import { customerMark, customerName } from "./name";

test.each([
  ["visitor", "v_7f3a9c1e55d04b", "v_7f…d04b"],
  ["openid", "oABCD1234567890xyz", "oABC…0xyz"],
  ["visitor", "v_short", "v_short"],
  ["email", "somebody.with.a.long.address@example.com", "somebody.with.a.long.address@example.com"],
  ["external", "customer-00000000000001", "customer-00000000000001"],
])("%s %s is shown as %s", (kind, value, shown) => {
  expect(shortValue({ kind, value })).toBe(shown);
});

test("nameless customers are told apart, named ones keep their own letters", () => {
  expect(customerMark({ name: null, label: "#K7Q2A" })).toBe("K7");
  expect(customerMark({ name: null, label: "#Z9B1C" })).toBe("Z9");
  expect(customerName({ name: null, label: "ming@example.com" })).toBe("ming@example.com");
  expect(customerMark({ name: null, label: "ming@example.com" })).toBe("MI");
  expect(customerMark({ name: "Ming", label: "Ming" })).toBeUndefined();
  expect(initials("Ming")).toBe("M");
});
