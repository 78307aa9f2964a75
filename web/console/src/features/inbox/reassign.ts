import { ApiError } from "@/api/http";
import type { Conversation, ConversationPatch } from "@/api/types";

interface Calls {
  conversation: (id: string) => Promise<Conversation>;
  updateConversation: (id: string, body: ConversationPatch) => Promise<Conversation>;
}

/** How often something else may change in between before it is given up. */
const tries = 5;

/**
 * Gives a conversation to somebody unless another has given it away since it was
 * seen. Its version moves with every message, too, and the page may not have
 * heard of the last one yet: that alone is no reason to refuse.
 */
export async function reassign(calls: Calls, seen: Conversation, to: Pick<ConversationPatch, "assignee_id" | "team_id">): Promise<Conversation> {
  let version = seen.version;
  for (let i = 1; ; i++) {
    try {
      return await calls.updateConversation(seen.id, { ...to, if_version: version });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "conversation_changed" || i === tries) throw error;
      const now = await calls.conversation(seen.id);
      if (Object.entries(to).every(([field, value]) => now[field as keyof typeof to] === value)) return now;
      if (now.assignee_id !== seen.assignee_id || now.team_id !== seen.team_id) throw error;
      version = now.version;
    }
  }
}
