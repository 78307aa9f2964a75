/**
 * Runs `work` while no other tab of this site holds `name`. Browsers without Web Locks (or pages without TLS) run it
 * unguarded: every request the widget repeats is harmless, the lock only spares the traffic.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!hasLocks()) return work();
  return (await navigator.locks.request(name, work)) as T;
}

/** Holds `name` until the returned function is called or the page ends. */
export function holdLock(name: string): () => void {
  let release = (): void => undefined;
  if (hasLocks()) {
    const held = new Promise<void>((resolve) => (release = resolve));
    navigator.locks.request(name, () => held).catch(() => undefined);
  }
  return () => release();
}

/** Whether any tab holds `name`; null when the browser cannot tell. */
export async function lockIsHeld(name: string): Promise<boolean | null> {
  if (!hasLocks()) return null;
  const { held } = await navigator.locks.query();
  return (held ?? []).some((lock) => lock.name === name);
}

function hasLocks(): boolean {
  return typeof navigator !== 'undefined' && Boolean(navigator.locks);
}
