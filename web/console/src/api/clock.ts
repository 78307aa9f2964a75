/** Network delays are no difference between clocks. */
const TOLERATED = 2_000;

let ahead = 0;

/**
 * Notes what the server's clock showed just now. Countdowns and ages follow the
 * server: this device's clock may be wrong, and a sandbox moves its own.
 */
export function noteServerTime(instant: string): void {
  const difference = Date.parse(instant) - Date.now();
  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) < TOLERATED ? 0 : difference;
}

/** The server's clock in milliseconds, as far as it is known. */
export function serverNow(): number {
  return Date.now() + ahead;
}
