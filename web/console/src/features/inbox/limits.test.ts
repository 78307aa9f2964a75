import { expect, test } from "vitest";
import { limitsFor, messagesIn, room } from "./limits";

const house = { body: 10_000, file_bytes: 25 * 1024 * 1024, files: 10 };

test.each([
  ["", 2048],
  ["a".repeat(2048), 0],
  ["a".repeat(2049), -1],
  ["好".repeat(682), 0],
  ["好".repeat(683), -1],
  [`${"好".repeat(682)}ab`, 0],
  [`${"好".repeat(682)}abc`, -1],
  [`${"好".repeat(600)}`, 82],
  ["😀".repeat(513), -1],
])("room in 2,048 bytes, case %#", (body, expected) => {
  expect(room(body, { body: 10_000, bodyBytes: 2_048 })).toBe(expected);
});

test("without a limit in bytes characters count, emoji as one", () => {
  expect(room("😀😀", { body: 3 })).toBe(1);
  expect(room("好好好好", { body: 3 })).toBe(-1);
});

test("a channel narrows replies, never notes", () => {
  expect(limitsFor("webchat", false, house)).toEqual(house);
  expect(limitsFor("wechat", true, house)).toEqual(house);
  expect(limitsFor("wechat", false, house)).toMatchObject({ bodyBytes: 2_048, file_bytes: 2 * 1024 * 1024 });
  expect(limitsFor("wechat", false, { ...house, file_bytes: 1_000 }).file_bytes).toBe(1_000);
});

test("where each picture is a message of its own, each one counts", () => {
  const wechat = limitsFor("wechat", false, house);
  expect(messagesIn("Here", 2, wechat)).toBe(3);
  expect(messagesIn(" ", 2, wechat)).toBe(2);
  expect(messagesIn("Here", 2, limitsFor("email", false, house))).toBe(1);
});
