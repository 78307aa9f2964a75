import { expect, test } from "vitest";
import { largest, matrix } from "./movement";

const cells = [
  { from: "", to: "lead", count: 5 },
  { from: "lead", to: "customer", count: 9 },
  { from: "customer", to: "lead", count: 5 },
  { from: "gone", to: "customer", count: 1 },
  { from: "lead", to: "fan", count: 0 },
];

test("the largest ways come first, equal ones in a fixed order", () => {
  expect(largest(cells, 3).map((c) => `${c.from}>${c.to}`)).toEqual(["lead>customer", ">lead", "customer>lead"]);
  expect(largest(cells, 10)).toHaveLength(4);
});

test("a matrix counts every way, also from a stage that is gone", () => {
  const { columns, rows, totals } = matrix(cells, ["", "lead", "customer"]);
  expect(columns).toEqual(["", "lead", "customer", "fan", "gone"]);
  expect(rows[1]).toEqual({ from: "lead", counts: [0, 0, 9, 0, 0], total: 9 });
  expect(totals).toEqual([0, 10, 10, 0, 0]);
});
