import { useEffect } from "react";
import { useConnectionState, useRealtime } from "@/realtime/provider";
import type { ViewMode } from "@/realtime/frames";

const REPEAT_VIEW = 20_000;
const REPEAT_TYPING = 4_000;

/** Tells teammates where one is, for as long as it holds. */
export function useTellView(conversationId: string, mode: ViewMode): void {
  const { send } = useRealtime();
  const connected = useConnectionState().name === "connected";
  useEffect(() => {
    if (!connected) return;
    const tell = () => send({ t: "view", conversation_id: conversationId, mode });
    tell();
    const id = setInterval(tell, REPEAT_VIEW);
    return () => clearInterval(id);
  }, [connected, conversationId, mode, send]);
  useEffect(() => () => void send({ t: "view", conversation_id: null, mode: "viewing" }), [conversationId, send]);
}

/** Tells the customer that an answer is being written, for as long as it holds. */
export function useTellTyping(conversationId: string, typing: boolean): void {
  const { send } = useRealtime();
  useEffect(() => {
    if (!typing) return;
    const tell = () => send({ t: "typing", conversation_id: conversationId, on: true });
    tell();
    const id = setInterval(tell, REPEAT_TYPING);
    return () => {
      clearInterval(id);
      send({ t: "typing", conversation_id: conversationId, on: false });
    };
  }, [conversationId, send, typing]);
}
