import { expect, test } from "vitest";
import { bareSubject, replySubject } from "./mail-subject";

test.each([
  ["订单 20260311", "订单 20260311"],
  ["Re: Order", "Order"],
  ["RE：回复: 答复：订单", "订单"],
  ["Fwd: Re[2]: Order", "Order"],
  ["Regarding: tea", "Regarding: tea"],
  ["  ", ""],
])("%s is about %s", (subject, bare) => {
  expect(bareSubject(subject)).toBe(bare);
});

test("answers carry one Re:", () => {
  expect(replySubject("回复：订单")).toBe("Re: 订单");
  expect(replySubject("")).toBe("");
});
