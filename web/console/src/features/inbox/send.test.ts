import { expect, test } from "vitest";
import type { Attachment } from "@/api/types";
import { messagesOf, type Writing } from "./send";

const file = (id: string): Attachment => ({ id, name: `${id}.png`, content_type: "image/png", size: 1, width: 1, height: 1, url: "" });
const writing = (body: string, files: string[], andResolve = false): Writing => ({ conversationId: "1", body, kind: "text", attachments: files.map(file), andResolve });
const shape = (parts: Writing[]) => parts.map((p) => [p.body, p.attachments.map((a) => a.id).join(), p.andResolve]);

test.each([
  ["together", writing("Here", ["a", "b"], true), false, [["Here", "a,b", true]]],
  ["text first, then each picture, the last one resolves", writing("Here", ["a", "b"], true), true, [["Here", "", false], ["", "a", false], ["", "b", true]]],
  ["pictures alone", writing("  ", ["a", "b"]), true, [["", "a", false], ["", "b", false]]],
  ["text alone", writing("Here", [], true), true, [["Here", "", true]]],
])("%s", (_, from, apart, expected) => {
  expect(shape(messagesOf(from, apart))).toEqual(expected);
});
