// Which node greeted which socket: every hello names its node.
import type { Page } from "@playwright/test";

/** A socket's greeting; to is who listens. */
export interface Greeting {
  to: "teammate" | "visitor";
  node: string;
}

let heard: Greeting[] = [];

/** What was heard since the last call. */
export function greetings(): Greeting[] {
  const all = heard;
  heard = [];
  return all;
}

/** Listens to the sockets of a page. */
export function listen(page: Page): void {
  page.on("websocket", (ws) => {
    const to = new URL(ws.url()).pathname.startsWith("/channels/") ? "visitor" : "teammate";
    ws.on("framereceived", ({ payload }) => {
      const text = payload.toString();
      if (!text.startsWith("{") || !text.includes('"hello"')) return;
      const frame = JSON.parse(text) as { t: string; node?: string };
      if (frame.t === "hello" && frame.node) heard.push({ to, node: frame.node });
    });
  });
}
