export type AccountStorage = ReturnType<typeof createStorage>;

/**
 * What the widget remembers in this browser, as JSON under `fanward:<account>:`. A browser that blocks or fills its
 * storage gets a copy in memory, which lasts as long as the page.
 */
export function createStorage(account: string, backing = attempt(() => localStorage)) {
  const prefix = `fanward:${account}:`;
  const memory = new Map<string, string>();

  return {
    get<T>(name: string): T | null {
      const text = memory.get(name) ?? attempt(() => backing?.getItem(prefix + name));
      return (text && attempt(() => JSON.parse(text) as T)) || null;
    },

    set(name: string, value: unknown): void {
      const text = JSON.stringify(value);
      memory.set(name, text);
      attempt(() => {
        if (!backing) return;
        backing.setItem(prefix + name, text); // Throws where storage is full or blocked.
        memory.delete(name);
      });
    },

    remove(name: string): void {
      memory.delete(name);
      attempt(() => backing?.removeItem(prefix + name));
    },

    /** Names that begin with `start`, in no order. */
    names(start: string): string[] {
      const stored = attempt(() => Object.keys(backing ?? {})) ?? [];
      const own = stored.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      return [...new Set([...own, ...memory.keys()])].filter((name) => name.startsWith(start));
    },

    /** Calls `listener` with the name another tab changed, or null when it cleared everything. Returns the undo. */
    listen(listener: (name: string | null) => void): () => void {
      return listenTo(window, 'storage', ({ key }) => {
        if (key === null) listener(null);
        else if (key.startsWith(prefix)) listener(key.slice(prefix.length));
      });
    },
  };
}

/** The result of `work`, or undefined when it throws. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Adds a listener and returns its removal. */
export function listenTo<K extends keyof WindowEventMap>(target: EventTarget, type: K, listener: (event: WindowEventMap[K]) => void): () => void {
  target.addEventListener(type, listener as EventListener);
  return () => target.removeEventListener(type, listener as EventListener);
}
