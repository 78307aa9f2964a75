const EVERY = 5_000;
const EVERY_HIDDEN = 30_000;

/** Asks for messages again and again while no socket can be had. */
export class Poller {
  private readonly ask: () => Promise<void>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  running = false;

  /** `ask` never rejects. */
  constructor(ask: () => Promise<void>) {
    this.ask = ask;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.turn();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  private async turn(): Promise<void> {
    await this.ask();
    if (!this.running) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.turn(), document.hidden ? EVERY_HIDDEN : EVERY);
  }
}
