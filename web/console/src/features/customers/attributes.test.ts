import { expect, test } from "vitest";
import { attributeShown, attributeText, changedAttributes, parseAttribute } from "./attributes";

const form = (values: Record<string, string>) => Object.entries(values).map(([name, value]) => ({ name, value }));

test.each([
  ["left alone", { plan: "pro", seats: "3" }, { plan: "pro", seats: "3" }, {}],
  ["changed", { plan: "pro", seats: "3" }, { plan: "pro", seats: "4" }, { seats: 4 }],
  ["removed", { plan: "pro", seats: "3" }, { plan: "pro" }, { seats: null }],
  ["added, and a row without a name", { plan: "pro" }, { plan: "pro", " city ": "上海", "": "x" }, { city: "上海" }],
  ["renamed", { plan: "pro" }, { tariff: "pro" }, { tariff: "pro", plan: null }],
  ["emptied", { plan: "pro" }, { plan: "" }, { plan: "" }],
])("of attributes that were %s only the change is told", (_what, before, after, told) => {
  expect(changedAttributes(form(before), form(after))).toEqual(told);
});

test("a list is read as its entries and written as a list", () => {
  const sizes = ["S", "M, long", 3];
  expect(attributeShown(sizes)).toBe("S, M, long, 3");
  expect(parseAttribute(attributeText(sizes))).toEqual(sizes);
});
