import { expect, test } from "vitest";
import { startI18n } from "./index";
import { sentenceFor } from "./problem";

test.each(["en", "zh-CN"] as const)("in %s nothing is said with a gap in it", async (locale) => {
  await startI18n(locale);
  const whole = sentenceFor({ code: "body_too_long", params: { max: 600 } });
  expect(whole).toContain("600");
  // What a delivery keeps is the code alone.
  for (const code of ["body_too_long", "frequency_cap", "mail_too_large", "mail_header_too_long", "unknown_channel"]) {
    expect(sentenceFor({ code }), code).toMatch(/[.。]$/);
    expect(sentenceFor({ code }), code).not.toMatch(/\{\{| {2}/);
  }
  expect(sentenceFor({ code: "too_small" })).toBeUndefined();
  expect(sentenceFor({ code: "no_such_code" })).toBeUndefined();
});
