import { beforeAll, expect, test } from "vitest";
import { startI18n } from "@/i18n";
import { percent } from "./words";

beforeAll(() => startI18n("en"));

test.each([
  [0, 0, "–"],
  [0, 100, "0%"],
  [1, 100_000, "< 0.1%"],
  [33, 1000, "3.3%"],
  [995, 1000, "100%"],
  [1, 3, "33%"],
])("%d of %d is %s", (part, whole, text) => expect(percent(part, whole)).toBe(text));
