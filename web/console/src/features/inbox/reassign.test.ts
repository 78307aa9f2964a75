import { expect, test } from "vitest";
import { ApiError } from "@/api/http";
import type { Conversation, ConversationPatch } from "@/api/types";
import { reassign } from "./reassign";

const mine = { assignee_id: "7" };
const seen = { id: "1", version: 3, assignee_id: null, team_id: null } as Conversation;

/** A server that has the conversation, and after each refusal another change of it. */
function server(...states: Partial<Conversation>[]) {
  const asked: (number | undefined)[] = [];
  let now = { ...seen, ...states.shift() };
  const calls = {
    conversation: async () => now,
    updateConversation: async (_: string, { if_version, ...to }: ConversationPatch) => {
      asked.push(if_version);
      if (if_version !== now.version) throw new ApiError({ type: "about:blank", title: "", code: "conversation_changed", status: 409 });
      if (states.length > 0) {
        now = { ...now, ...states.shift() };
        throw new ApiError({ type: "about:blank", title: "", code: "conversation_changed", status: 409 });
      }
      return { ...now, ...to, version: now.version + 1 } as Conversation;
    },
  };
  return { calls, asked };
}

test("nobody else was there", async () => {
  const { calls, asked } = server();
  expect(await reassign(calls, seen, mine)).toMatchObject({ assignee_id: "7", version: 4 });
  expect(asked).toEqual([3]);
});

test("a message in between is no reason to refuse", async () => {
  const { calls, asked } = server({ version: 5, last_seq: 9 }, { version: 6 });
  expect(await reassign(calls, seen, mine)).toMatchObject({ assignee_id: "7", version: 7 });
  expect(asked).toEqual([3, 5, 6]);
});

test.each<[string, Partial<Conversation>]>([
  ["a colleague", { version: 4, assignee_id: "8" }],
  ["a team", { version: 4, team_id: "2" }],
])("%s got it in between", async (_, other) => {
  const { calls, asked } = server(other);
  await expect(reassign(calls, seen, mine)).rejects.toMatchObject({ code: "conversation_changed" });
  expect(asked).toEqual([3]);
});

test("it is so already", async () => {
  const { calls, asked } = server({ version: 4, ...mine });
  expect(await reassign(calls, seen, mine)).toMatchObject({ assignee_id: "7", version: 4 });
  expect(asked).toEqual([3]);
});

test("where it changes without end, that is said", async () => {
  const { calls, asked } = server({ version: 4 }, { version: 5 }, { version: 6 }, { version: 7 }, { version: 8 }, { version: 9 });
  await expect(reassign(calls, seen, mine)).rejects.toMatchObject({ code: "conversation_changed" });
  expect(asked).toEqual([3, 4, 5, 6, 7]);
});

test("another refusal is told at once", async () => {
  const { calls } = server();
  calls.updateConversation = () => Promise.reject(new ApiError({ type: "about:blank", title: "", code: "permission_denied", status: 403 }));
  await expect(reassign(calls, seen, mine)).rejects.toMatchObject({ code: "permission_denied" });
});
