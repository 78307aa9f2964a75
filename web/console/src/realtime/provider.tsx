import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, type ReactNode } from "react";
import { API } from "@/api/http";
import { keys } from "@/api/keys";
import { Connection, type ConnectionState, type Socket } from "./connection";
import { Feed } from "./feed";
import type { ClientFrame, ServerFrame } from "./frames";
import { clearHints, hear, stopTyping } from "./hints";
import { createStore, useStore } from "./store";
import { Watches, type Watched } from "./watches";

interface Realtime {
  feed: Feed;
  send: (frame: ClientFrame) => boolean;
  nudge: () => void;
  /** Has the server say when there is more of something, until the function that it answers is called. */
  watch: (watched: Watched) => () => void;
}

const RealtimeContext = createContext<Realtime | null>(null);

/** The connection's state, for the pill. */
export const connectionState = createStore<ConnectionState>({ name: "connecting" });
export const useConnectionState = (): ConnectionState => useStore(connectionState);

function openSocket(): Socket {
  const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${window.location.host}${API}/socket`) as unknown as Socket;
}

interface Props {
  onSignedOut: () => void;
  children: ReactNode;
}

/** Owns this tab's socket for as long as somebody is signed in. */
export function RealtimeProvider({ onSignedOut, children }: Props) {
  const cache = useQueryClient();
  const { value, connection } = useMemo(() => {
    const feed = new Feed(cache);
    const receive = (frame: ServerFrame) => {
      if (hear(frame)) return;
      if (frame.t === "hello") {
        if (frame.resumed) watches.missed();
        else void feed.snapshot();
      }
      if (frame.t === "wake") feed.wake({ kind: "wake", data: frame });
      if (frame.t !== "change") return;
      if (frame.kind === "message" && frame.data.message.direction === "in") stopTyping(frame.data.message.conversation_id);
      feed.apply(frame);
    };
    const connection = new Connection(openSocket, {
      frame: receive,
      state: (state) => {
        connectionState.set(state);
        if (state.name === "connected") watches.connected();
      },
      signedOut: onSignedOut,
      rightsChanged: () => void cache.invalidateQueries({ queryKey: keys.me }),
    });
    const watches = new Watches(
      (frame) => connection.send(frame),
      (data) => feed.wake({ kind: "wake", data }),
    );
    const value: Realtime = { feed, send: (frame) => connection.send(frame), nudge: () => connection.nudge(), watch: (watched) => watches.add(watched) };
    return { value, connection };
    // The handler of the first render is stable: it only navigates.
  }, [cache]);

  useEffect(() => {
    const unwatch = value.feed.watch();
    connection.setOnline(navigator.onLine);
    connection.start();
    const online = () => connection.setOnline(true);
    const offline = () => connection.setOnline(false);
    const shown = () => {
      if (document.visibilityState === "visible") connection.nudge();
    };
    window.addEventListener("online", online);
    window.addEventListener("offline", offline);
    document.addEventListener("visibilitychange", shown);
    return () => {
      window.removeEventListener("online", online);
      window.removeEventListener("offline", offline);
      document.removeEventListener("visibilitychange", shown);
      connection.stop();
      unwatch();
      clearHints();
    };
  }, [connection, value]);

  return <RealtimeContext value={value}>{children}</RealtimeContext>;
}

/** The feed and the socket; only inside the shell. */
export function useRealtime(): Realtime {
  const realtime = useContext(RealtimeContext);
  if (!realtime) throw new Error("useRealtime is used outside RealtimeProvider");
  return realtime;
}
