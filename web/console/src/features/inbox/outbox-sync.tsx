import { useEffect } from "react";
import { useMe } from "@/features/session/me";
import { connectionState, useRealtime } from "@/realtime/provider";
import { receiveDraft, openDrafts } from "./drafts";
import { dropPending, openOutbox } from "./outbox";
import { followCursor } from "./reading";
import { useSending } from "./send";

/** Ties unconfirmed messages and drafts to the feed; renders nothing. */
export function OutboxSync() {
  const { feed } = useRealtime();
  const { retryTransient } = useSending();
  const meId = useMe().id;

  useEffect(() => {
    openOutbox(meId);
    openDrafts(meId);
    feed.events.settled = (message) => {
      if (message.client_key) dropPending(message.client_key);
    };
    feed.events.draft = receiveDraft;
    feed.events.cursor = followCursor;
    return () => {
      delete feed.events.settled;
      delete feed.events.draft;
      delete feed.events.cursor;
    };
  }, [feed, meId]);

  useEffect(
    () =>
      connectionState.subscribe(() => {
        if (connectionState.get().name === "connected") void retryTransient();
      }),
    [retryTransient],
  );
  return null;
}
