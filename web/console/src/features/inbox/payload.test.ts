import { describe, expect, test } from "vitest";
import { mapAddress, readPayload } from "./payload";

describe("payloads", () => {
  test.each([
    [null, null],
    [undefined, null],
    [{ type: "location", latitude: 31.23, longitude: "121.47", label: "上海" }, { type: "location", latitude: 31.23, longitude: 121.47, label: "上海" }],
    [{ type: "location", latitude: 310, longitude: 1 }, { type: "other", name: "location" }],
    [{ type: "location" }, { type: "other", name: "location" }],
    [{ type: "link", title: "Tea", url: "https://shop.example/tea" }, { type: "link", title: "Tea", description: "", url: "https://shop.example/tea" }],
    [{ type: "link", title: "Bad", url: "javascript:alert(1)" }, { type: "link", title: "Bad", description: "", url: null }],
    [{ type: "image", state: "pending" }, { type: "image", state: "pending" }],
    [{ type: "voice" }, { type: "voice", words: "", state: "ready" }],
    [{ type: "shortvideo", state: "failed" }, { type: "video", words: "", state: "failed" }],
    [{ type: "erased" }, { type: "erased" }],
    [{ type: "wxcard", id: 7 }, { type: "other", name: "wxcard" }],
    ["text", { type: "other", name: "" }],
  ])("%j", (payload, expected) => {
    expect(readPayload(payload)).toEqual(expected);
  });
  test("what a journey wrote names the journey, also when its source is not understood", () => {
    expect(readPayload({ type: "outreach", source: { kind: "journey", journey_id: "7", journey_name: "邀请入会", node_id: "hello" } })).toEqual({ type: "outreach", journey: "7", name: "邀请入会", node: "hello" });
    expect(readPayload({ type: "outreach", source: 3 })).toEqual({ type: "outreach", journey: "", name: "", node: "" });
  });
  test("mail: who it went to, however it is written", () => {
    const mail = { type: "mail", from: "ming@example.com", to: ["shop@example.com"], cc: [{ name: "Lin", address: "lin@example.com" }, "x@example.com"], subject: "订单" };
    expect(readPayload(mail)).toEqual({ type: "mail", from: ["ming@example.com"], to: ["shop@example.com"], cc: ["Lin <lin@example.com>", "x@example.com"], replyTo: "", subject: "订单", automatic: false });
    expect(readPayload({ ...mail, reply_to: "ming@home.example" })).toMatchObject({ replyTo: "ming@home.example" });
  });
});

test("a map whose coordinates fit", () => {
  expect(mapAddress({ latitude: 31.2, longitude: 121.4, label: "外滩 & 江" })).toBe("https://uri.amap.com/marker?position=121.4,31.2&name=%E5%A4%96%E6%BB%A9%20%26%20%E6%B1%9F");
  expect(mapAddress({ latitude: 48.2, longitude: 16.37, label: "Wien" })).toContain("openstreetmap.org/?mlat=48.2&mlon=16.37");
});
