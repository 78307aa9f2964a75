import { describe, expect, test } from "vitest";
import type { Account } from "@/api/types";
import { draftOf, needsKey, newEmail, newWechat, randomText, withTls } from "./connection";

const stored = (config: object): Account => ({ id: "1", channel: "email", name: "Support", key: "k", status: "active", sandbox: false, config: config as Account["config"], has_identity_secret: false, secrets: ["smtp_password"], health: { ok: true, code: "", since: null }, created_at: "2026-01-02T03:04:05Z" });

describe("mail", () => {
  test("a usual port follows the kind of line, one's own stays", () => {
    const { config } = newEmail();
    expect(withTls(config, "tls").smtp).toMatchObject({ tls: "tls", port: 465 });
    expect(withTls({ ...config, smtp: { ...config.smtp, port: 2525 } }, "none").smtp).toMatchObject({ tls: "none", port: 2525 });
    expect(withTls({ ...config, smtp: { ...config.smtp, port: 0 } }, "starttls").smtp.port).toBe(587);
  });
  test("a stored account fills the form, secrets stay away", () => {
    expect(draftOf(stored({ address: "a@shop.example", smtp: { host: "mail.shop.example" } }), newEmail())).toEqual({
      name: "Support",
      config: { address: "a@shop.example", name: "", domain: "", smtp: { host: "mail.shop.example", port: 587, user: "", tls: "starttls" } },
      secrets: {},
    });
  });
});

describe("WeChat", () => {
  test.each([
    ["plain", "", false],
    ["plain", "plain", false],
    ["plain", "safe", true],
    ["compat", "", true],
    ["safe", "plain", true],
  ] as const)("pushes in %s, still in %s: key %s", (mode, previous_mode, key) => {
    expect(needsKey({ mode, previous_mode })).toBe(key);
  });
  test("new accounts erase what WeChat's terms want erased, in safe mode", () => {
    expect(newWechat().config).toMatchObject({ mode: "safe", erase_on_unsubscribe: true });
  });
  test("made keys are of letters and digits, as long as asked, and never the same", () => {
    const made = new Set(Array.from({ length: 50 }, () => randomText(43)));
    expect(made.size).toBe(50);
    for (const key of made) expect(key).toMatch(/^[A-Za-z0-9]{43}$/);
  });
});
