// What happens in the middle of a story, wherever that is: people's acts are
// counted, and after a few of them somebody strikes.

/** After how many acts of people (something written, on any channel) it is the middle. */
const middle = 3;

let acts = 0;
let strike: (() => void) | null = null;

/** From now on acts are counted, and then does is called, once. */
export function atMidway(does: (() => void) | null): void {
  acts = 0;
  strike = does;
}

/** Somebody has written something, which may still be on its way. */
export function acted(): void {
  if (++acts !== middle || !strike) return;
  strike();
  strike = null;
}
