/**
 * What the widget remembers in this browser, under `fanward:<account>:`.
 * A browser that blocks or fills its storage gets a copy in memory, which lasts as long as the page.
 */
export class AccountStorage {
  private readonly prefix: string;
  private readonly memory = new Map<string, string>();
  private readonly backing: Storage | null;

  constructor(account: string, backing: Storage | null = usableStorage()) {
    this.prefix = `fanward:${account}:`;
    this.backing = backing;
  }

  get(name: string): string | null {
    const kept = this.memory.get(name);
    if (kept !== undefined) return kept;
    try {
      return this.backing?.getItem(this.prefix + name) ?? null;
    } catch {
      return null;
    }
  }

  /** Stores a value; when the browser refuses, this page alone remembers it. */
  set(name: string, value: string): void {
    try {
      if (this.backing) {
        this.backing.setItem(this.prefix + name, value);
        this.memory.delete(name);
        return;
      }
    } catch {
      // Full or blocked: the copy in memory below is what is left.
    }
    this.memory.set(name, value);
  }

  remove(name: string): void {
    this.memory.delete(name);
    try {
      this.backing?.removeItem(this.prefix + name);
    } catch {
      // Nothing is stored where nothing can be removed.
    }
  }

  getJSON<T>(name: string): T | null {
    const text = this.get(name);
    if (!text) return null;
    try {
      return JSON.parse(text) as T;
    } catch {
      return null;
    }
  }

  setJSON(name: string, value: unknown): void {
    this.set(name, JSON.stringify(value));
  }

  /** Names stored for this account that begin with `start`, in no order. */
  names(start: string): string[] {
    const found = new Set<string>([...this.memory.keys()].filter((name) => name.startsWith(start)));
    try {
      for (let i = 0; i < (this.backing?.length ?? 0); i++) {
        const key = this.backing?.key(i);
        if (key?.startsWith(this.prefix + start)) found.add(key.slice(this.prefix.length));
      }
    } catch {
      // Blocked: only the copy in memory is known.
    }
    return [...found];
  }

  /** Calls `listener` with the name another tab changed, or null when it cleared everything. Returns the undo. */
  listen(listener: (name: string | null) => void): () => void {
    const onStorage = (event: StorageEvent): void => {
      if (event.key === null) listener(null);
      else if (event.key.startsWith(this.prefix)) listener(event.key.slice(this.prefix.length));
    };
    addEventListener('storage', onStorage);
    return () => removeEventListener('storage', onStorage);
  }
}

function usableStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null; // Reading the property itself throws where the browser blocks storage.
  }
}
