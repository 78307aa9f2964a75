/** Milliseconds after a composition within which an Enter still belongs to the input method (Safari ends it first). */
const SETTLE = 100;

interface Key {
  key: string;
  keyCode: number;
  shiftKey: boolean;
  isComposing: boolean;
  timeStamp: number;
}

/** Tells an Enter that sends from an Enter that only confirms what an input method offers. */
export class CompositionGuard {
  private composing = false;
  private endedAt = -Infinity;

  start(): void {
    this.composing = true;
  }

  end(timeStamp: number): void {
    this.composing = false;
    this.endedAt = timeStamp;
  }

  /** Whether the key belongs to the input method. */
  holds(event: Key): boolean {
    return this.composing || event.isComposing || event.keyCode === 229 || event.timeStamp - this.endedAt < SETTLE;
  }

  sends(event: Key): boolean {
    return event.key === 'Enter' && !event.shiftKey && !this.holds(event);
  }
}
