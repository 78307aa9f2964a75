// Which node greeted which socket: every hello names its node.
import type { Page } from "@playwright/test";

/** A socket's greeting; to is who listens. */
export interface Greeting {
  to: "teammate" | "visitor";
  node: string;
}

let heard: Greeting[] = [];
const pages = new Map<Page, Set<Greeting["to"]>>();

/** What was heard since the last call. */
export function greetings(): Greeting[] {
  const all = heard;
  heard = [];
  return all;
}

/** Whether a page is open that has had a socket of a kind, and wants it back when it is cut. */
export const present = (to: Greeting["to"]): boolean => [...pages.values()].some((had) => had.has(to));

/** Whether a node has greeted a kind since the last call of greetings. */
export const greeted = (to: Greeting["to"], node: string): boolean => heard.some((g) => g.to === to && g.node === node);

/** Listens to the sockets of a page. */
export function listen(page: Page): void {
  const had = new Set<Greeting["to"]>();
  pages.set(page, had);
  page.on("close", () => pages.delete(page));
  page.on("websocket", (ws) => {
    const to = new URL(ws.url()).pathname.startsWith("/channels/") ? "visitor" : "teammate";
    had.add(to);
    ws.on("framereceived", ({ payload }) => {
      const text = payload.toString();
      if (!text.startsWith("{") || !text.includes('"hello"')) return;
      const frame = JSON.parse(text) as { t: string; node?: string };
      if (frame.t === "hello" && frame.node) heard.push({ to, node: frame.node });
    });
  });
}
