import type { ClientFrame, Wake } from "./frames";

/** What a page shows of behaviour: no change tells of it, so the server is asked to say when there is more. */
export type Watched = Wake["data"];

const nameOf = (w: Watched): string => (w.of === "customer" ? `customer ${w.customer_id}` : w.of);

/**
 * Everything this tab shows that is to be watched. The server knows it for as
 * long as the socket lives, and hears of it anew on each.
 */
export class Watches {
  private readonly held = new Map<string, { watched: Watched; pages: number }>();
  private said = false;

  constructor(
    private readonly send: (frame: ClientFrame) => boolean,
    private readonly wake: (watched: Watched) => void,
  ) {}

  /** Watches something until the function that it answers is called. */
  add(watched: Watched): () => void {
    const name = nameOf(watched);
    const one = this.held.get(name) ?? { watched, pages: 0 };
    this.held.set(name, one);
    if (one.pages++ === 0) this.say();
    return () => {
      if (--one.pages > 0) return;
      this.held.delete(name);
      this.say();
    };
  }

  /** The socket is new, and knows nothing of what is watched. */
  connected(): void {
    if (this.held.size > 0) this.say();
  }

  /** Something may have been missed: whatever is shown is asked for. */
  missed(): void {
    for (const { watched } of this.held.values()) this.wake(watched);
  }

  /** Going from one page to another is one word. */
  private say(): void {
    if (this.said) return;
    this.said = true;
    queueMicrotask(() => {
      this.said = false;
      const all = [...this.held.values()].map(({ watched }) => watched);
      this.send({
        t: "watch",
        customer_ids: all.flatMap((w) => (w.of === "customer" ? [w.customer_id] : [])),
        events: all.some((w) => w.of === "events"),
        calls: all.some((w) => w.of === "calls"),
      });
    });
  }
}
