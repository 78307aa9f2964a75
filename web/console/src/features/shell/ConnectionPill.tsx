import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useConnectionState, useRealtime } from "@/realtime/provider";
import type { ConnectionState } from "@/realtime/connection";
import { Button, Popover } from "@/ui";

/** Seconds until the next try, counting down while reconnecting. */
function useSecondsLeft(state: ConnectionState): number {
  const at = state.name === "reconnecting" ? state.at : null;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (at === null) return;
    setNow(Date.now());
    const id = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(id);
  }, [at]);
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1_000));
}

function useConnectionWords(): { state: ConnectionState; title: string; help: string } {
  const { t } = useTranslation();
  const state = useConnectionState();
  const seconds = useSecondsLeft(state);
  switch (state.name) {
    case "connected":
      return { state, title: t("connection.connected"), help: t("connection.connectedHelp") };
    case "connecting":
      return { state, title: t("connection.connecting"), help: t("connection.connectedHelp") };
    case "reconnecting":
      return { state, title: t("connection.reconnecting", { count: seconds }), help: t("connection.reconnectingHelp") };
    case "offline":
      return { state, title: t("connection.offline"), help: t("connection.offlineHelp") };
    case "stopped":
      return { state, title: t("connection.stopped"), help: t("connection.stoppedHelp", { code: state.code }) };
  }
}

function Act({ state }: { state: ConnectionState }) {
  const { t } = useTranslation();
  const { nudge } = useRealtime();
  if (state.name === "reconnecting") {
    return (
      <Button size="small" type="link" onClick={nudge}>
        {t("connection.retryNow")}
      </Button>
    );
  }
  if (state.name === "stopped") {
    return (
      <Button size="small" type="link" onClick={() => window.location.reload()}>
        {t("problem.reload")}
      </Button>
    );
  }
  return null;
}

/** The honest dot: connected, trying again in so many seconds, or offline. */
export function ConnectionPill() {
  const { state, title, help } = useConnectionWords();
  return (
    <Popover
      placement="rightBottom"
      trigger={["hover", "focus", "click"]}
      content={
        <div className="pill-card">
          <strong>{title}</strong>
          <span>{help}</span>
          <Act state={state} />
        </div>
      }
    >
      <button type="button" className="pill" data-testid="connection-pill" data-state={state.name} aria-label={title}>
        <span className="pill-dot" />
      </button>
    </Popover>
  );
}

/** True once the connection has been away long enough to be worth a line. */
export function useConnectionTrouble(): boolean {
  const state = useConnectionState();
  const bad = state.name === "reconnecting" || state.name === "offline" || state.name === "stopped";
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (state.name === "connected") {
      setShown(false);
    } else if (bad && !shown) {
      const id = setTimeout(() => setShown(true), 800);
      return () => clearTimeout(id);
    }
    return undefined;
  }, [bad, shown, state.name]);
  return shown;
}

/** A line over the page while the connection is away. */
export function ConnectionBar() {
  const { state, title, help } = useConnectionWords();
  return (
    <div className="connection-bar" data-state={state.name}>
      <span>{state.name === "stopped" ? help : title}</span>
      <Act state={state} />
    </div>
  );
}
