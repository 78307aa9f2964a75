import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { ApiError } from "@/api/http";
import type { Conversation, ConversationPatch, Message } from "@/api/types";
import { useMe } from "@/features/session/me";
import { soon } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import type { Feed } from "@/realtime/feed";
import { toast, toastError } from "@/ui";
import { holdUnread } from "./reading";
import { reassign } from "./reassign";
import { useTeammates, useTeams } from "./queries";

/** Shows a patch at once and stores it; on refusal takes it back and rethrows. */
async function patch(feed: Feed, id: string, body: ConversationPatch, store = () => api.updateConversation(id, body)): Promise<void> {
  const before = feed.patchConversation(id, (c) => ({ ...c, ...body }));
  try {
    feed.putConversation(await store());
  } catch (error) {
    if (before) feed.patchConversation(id, (c) => (c.version === before.version ? { ...before, read_seq: c.read_seq, read_inbound_count: c.read_inbound_count } : c));
    throw error;
  }
}

/** The seq to mark read up to so that the customer's last message is unread. */
export function seqBeforeLastInbound(c: Conversation, messages: Message[]): number {
  for (let i = messages.length - 1; i >= 0; i--) {
    if (messages[i]!.direction === "in") return messages[i]!.seq - 1;
  }
  return Math.max(0, c.last_seq - 1);
}

/** What one can do with a conversation: shown at once, undone with a reason. */
export function useConversationActions(conversation: Conversation | undefined) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const me = useMe();
  const teammates = useTeammates();
  const teams = useTeams();

  return useMemo(() => {
    if (!conversation) return null;
    const { id } = conversation;
    const refused = (error: unknown) => {
      if (error instanceof ApiError && error.code === "conversation_changed") {
        api.conversation(id).then((c) => feed.putConversation(c), () => {});
      }
      toastError(t("actions.failed", { reason: describe(error) }));
    };
    const back: ConversationPatch = {
      status: conversation.status,
      ...(conversation.status === "snoozed" ? { snoozed_until: conversation.snoozed_until } : {}),
    };
    const act = async (body: ConversationPatch, done: string, undo?: ConversationPatch, store?: () => Promise<Conversation>) => {
      try {
        await patch(feed, id, body, store);
        toast(done, undo && { label: t("common.undo"), run: () => void patch(feed, id, undo).catch(refused) });
      } catch (error) {
        refused(error);
      }
    };
    const give = (to: Pick<ConversationPatch, "assignee_id" | "team_id">, done: string, undo: ConversationPatch) => act(to, done, undo, () => reassign(api, conversation, to));
    return {
      resolve: () => act({ status: "resolved" }, t("actions.resolved"), back),
      /** After "send and resolve", which the server did in one step. */
      toldResolved: () =>
        toast(t("actions.resolved"), { label: t("common.undo"), run: () => void patch(feed, id, back).catch(refused) }),
      reopen: () => act({ status: "open" }, t("actions.reopened")),
      snooze: (until: Date) =>
        act(
          { status: "snoozed", snoozed_until: until.toISOString() },
          t("actions.snoozedUntil", { time: soon(until.toISOString(), Date.now()) }),
          back,
        ),
      assign: (teammateId: string | null) => {
        const name = teammateId === me.id ? me.name : teammates.find((m) => m.id === teammateId)?.name;
        return give(
          { assignee_id: teammateId },
          teammateId ? t("actions.assignedTo", { name: name ?? "" }) : t("actions.unassigned"),
          { assignee_id: conversation.assignee_id },
        );
      },
      assignMe: () => give({ assignee_id: me.id }, t("actions.assignedTo", { name: me.name }), { assignee_id: conversation.assignee_id }),
      moveToTeam: (teamId: string | null) =>
        give(
          { team_id: teamId },
          t("actions.movedTo", { name: teams.find((x) => x.id === teamId)?.name ?? t("actions.noTeam") }),
          { team_id: conversation.team_id },
        ),
      /** Answers whether it worked. */
      markUnread: async (messages: Message[]) => {
        const seq = seqBeforeLastInbound(conversation, messages);
        holdUnread(id);
        const before = feed.patchConversation(id, (c) => ({ ...c, read_seq: seq, read_inbound_count: Math.max(0, c.inbound_count - 1) }));
        try {
          const cursor = await api.markRead(id, seq);
          feed.patchConversation(id, (c) => ({ ...c, read_seq: cursor.read_seq, read_inbound_count: cursor.read_inbound_count }));
          toast(t("actions.markedUnread"));
        } catch (error) {
          if (before) feed.patchConversation(id, (c) => ({ ...c, read_seq: before.read_seq, read_inbound_count: before.read_inbound_count }));
          refused(error);
        }
      },
    };
  }, [conversation, feed, me.id, me.name, t, teammates, teams]);
}

export type ConversationActions = NonNullable<ReturnType<typeof useConversationActions>>;
