interface Window {
  fanward?: (...args: unknown[]) => void;
}
