interface Window {
  /** Before the widget is there a stub keeps the calls in `q`; `live` marks the widget's own function. */
  fanward?: ((...args: unknown[]) => void) & { q?: ArrayLike<unknown>[]; live?: boolean };
}

declare module 'virtual:catalog' {
  /** Sentences by key, English then Chinese. */
  const sentences: Record<string, [string, string]>;
  export default sentences;
}
