import { beforeAll, describe, expect, test } from "vitest";
import { share } from "./format";
import { startI18n } from "./index";

describe.each(["en", "zh-CN"] as const)("shares in %s", (locale) => {
  beforeAll(() => startI18n(locale));
  test.each([
    [0, "0%"],
    [0.028, "2.8%"],
    [0.5314, "53.1%"],
    [1, "100%"],
    [12.5, "1,250%"],
  ])("%s", (value, text) => expect(share(value)).toBe(text));
});
