import { useMemo } from "react";
import { api } from "@/api/calls";
import { ApiError } from "@/api/http";
import type { Attachment } from "@/api/types";
import type { Feed } from "@/realtime/feed";
import { useRealtime } from "@/realtime/provider";
import { dropPending, findPending, outbox, putPending, type Pending, type PendingProblem } from "./outbox";

export interface Writing {
  conversationId: string;
  body: string;
  kind: "text" | "note";
  attachments: Attachment[];
  andResolve: boolean;
}

/** A writing as the messages that the channel makes of it: apart, the text comes first, then each file; only the last one resolves. */
export function messagesOf(writing: Writing, apart: boolean): Writing[] {
  if (!apart) return [writing];
  const parts = writing.attachments.map<Writing>((file) => ({ ...writing, body: "", attachments: [file] }));
  if (writing.body.trim() !== "") parts.unshift({ ...writing, attachments: [] });
  return parts.map((part, i) => ({ ...part, andResolve: writing.andResolve && i === parts.length - 1 }));
}

/** A key that no two messages share, also where crypto.randomUUID is missing (plain http). */
export function newClientKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

function problemOf(error: unknown): PendingProblem {
  if (!(error instanceof ApiError)) return { code: "unexpected", params: {}, transient: false };
  return {
    code: error.code,
    params: error.params,
    transient: error.transient || error.status === 401,
    ...(error.detail ? { detail: error.detail } : {}),
  };
}

async function post(feed: Feed, entry: Pending): Promise<boolean> {
  putPending({ ...entry, state: "sending", problem: null });
  try {
    const message = await api.sendMessage(entry.conversationId, {
      client_key: entry.clientKey,
      body: entry.body,
      kind: entry.kind,
      attachment_ids: entry.attachments.map((a) => a.id),
      ...(entry.andResolve ? { and_resolve: true } : {}),
    });
    feed.putMessage(message);
    dropPending(entry.clientKey);
    return true;
  } catch (error) {
    // The socket may have confirmed it although the answer was lost.
    if (findPending(entry.clientKey)) putPending({ ...entry, state: "failed", problem: problemOf(error) });
    return false;
  }
}

/** Sending, trying again and giving up; all keep the message's client_key. */
export function useSending() {
  const { feed } = useRealtime();
  return useMemo(
    () => ({
      /** Sends one after the other, in their order; answers whether all were taken. All are shown at once. */
      send: async (writings: Writing[]) => {
        const entries = writings.map<Pending>((writing) => ({ ...writing, clientKey: newClientKey(), createdAt: new Date().toISOString(), state: "sending", problem: null }));
        for (const entry of entries) putPending(entry);
        let all = true;
        for (const entry of entries) all = (await post(feed, entry)) && all;
        return all;
      },
      retry: (entry: Pending) => post(feed, entry),
      discard: (entry: Pending) => dropPending(entry.clientKey),
      /** Sends, one after the other, what failed only for want of a connection. */
      retryTransient: async () => {
        for (const entry of outbox.get()) {
          if (entry.state === "failed" && entry.problem?.transient) await post(feed, entry);
        }
      },
    }),
    [feed],
  );
}
