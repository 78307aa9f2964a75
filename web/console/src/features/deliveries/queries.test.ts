import { expect, test } from "vitest";
import { concernsTrouble } from "./queries";

test.each([
  ["failed", 1, 0, true],
  ["unknown", 1, 0, true],
  ["queued", 0, 5, false],
  ["queued", 1, 0, true],
  ["sending", 1, 5, false],
  ["sent", 1, 0, false],
  ["sent", 2, 3, true],
  ["read", 1, 1, true],
] as const)("%s after %d tries with %d known: %s", (state, attempt, known, expected) => {
  expect(concernsTrouble({ state, attempt }, known)).toBe(expected);
});
