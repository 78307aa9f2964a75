/**
 * Values that redraw what depends on them. The widget has a handful of effects, all of them cheap, so nothing tracks
 * who reads what: after any change every effect runs once, in a microtask, in the order they were made.
 */
export interface Signal<T> {
  value: T;
}

const effects = new Set<() => void>();
let scheduled = false;

export function signal<T>(initial: T): Signal<T> {
  let held = initial;
  return {
    get value() {
      return held;
    },
    set value(to) {
      if (Object.is(held, to)) return;
      held = to;
      schedule();
    },
  };
}

/** Runs `work` now and after every change, until the returned function is called. */
export function effect(work: () => void): () => void {
  effects.add(work);
  work();
  return () => effects.delete(work);
}

/** Remembers the last result of `work` while what it was made from stays the same. */
export function memo<T>(inputs: () => readonly unknown[], work: () => T): () => T {
  let made: readonly unknown[] | undefined;
  let result: T;
  return () => {
    const now = inputs();
    if (!made || now.some((input, index) => input !== made?.[index])) {
      made = now;
      result = work();
    }
    return result;
  };
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    // An effect that throws must not keep the others from running.
    effects.forEach((work) => {
      try {
        work();
      } catch (error) {
        console.error(error);
      }
    });
  });
}
