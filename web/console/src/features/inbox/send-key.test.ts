import { describe, expect, test } from "vitest";
import { sendAct, type Press } from "./send-key";

const enter: Press = { key: "Enter", keyCode: 13, isComposing: false, shiftKey: false, altKey: false, mod: false };
const long = Infinity;

describe("sendAct", () => {
  test.each<[string, Partial<Press>, boolean, number, ReturnType<typeof sendAct>]>([
    ["Enter makes a new line by default", {}, false, long, null],
    ["Enter sends when chosen", {}, true, long, "send"],
    ["Shift+Enter makes a new line when Enter sends", { shiftKey: true }, true, long, null],
    ["the modifier sends", { mod: true }, false, long, "send"],
    ["the modifier and Shift send and resolve", { mod: true, shiftKey: true }, false, long, "send-and-resolve"],
    ["Enter while composing never sends", { isComposing: true }, true, long, null],
    ["Enter marked 229 never sends", { keyCode: 229 }, true, long, null],
    ["Enter right after a composition (Safari) never sends", {}, true, 3, null],
    ["the modifier while composing never sends", { mod: true, isComposing: true }, false, long, null],
    ["Enter a while after a composition sends", {}, true, 500, "send"],
    ["another key does nothing", { key: "a", keyCode: 65, mod: true }, true, long, null],
    ["Alt+Enter does nothing", { altKey: true }, true, long, null],
  ])("%s", (_name, press, enterSends, since, expected) => {
    expect(sendAct({ ...enter, ...press }, enterSends, since)).toBe(expected);
  });
});
