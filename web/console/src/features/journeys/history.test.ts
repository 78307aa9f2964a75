import { expect, test } from "vitest";
import { change, redo, startHistory, undo } from "./history";

test("undo and redo go back and forth; a change after undo forgets what was undone", () => {
  let h = startHistory(0);
  h = change(h, 1, "", 0);
  h = change(h, 2, "", 0);
  h = undo(h);
  expect(h.present).toBe(1);
  h = redo(h);
  expect(h.present).toBe(2);
  h = undo(undo(h));
  expect(h.present).toBe(0);
  expect(undo(h)).toBe(h);
  h = change(h, 9, "", 0);
  expect(redo(h)).toBe(h);
  expect(h.past).toEqual([0]);
});

test("letters typed into one field are undone together, another field or a pause begins anew", () => {
  let h = startHistory("");
  h = change(h, "a", "body", 0);
  h = change(h, "ab", "body", 400);
  h = change(h, "abc", "body", 800);
  expect(undo(h).present).toBe("");
  h = change(h, "abc!", "subject", 900);
  expect(undo(h).present).toBe("abc");
  h = change(h, "abc?", "subject", 9_000);
  expect(undo(h).present).toBe("abc!");
});

test("a change that changes nothing is none", () => {
  const h = startHistory("x");
  expect(change(h, "x", "", 0)).toBe(h);
});

test("changes without a mark are never joined", () => {
  let h = startHistory(0);
  h = change(h, 1, "", 0);
  h = change(h, 2, "", 1);
  expect(undo(h).present).toBe(1);
});
