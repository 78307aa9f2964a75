import { useSyncExternalStore } from "react";

const isVisible = (): boolean => document.visibilityState === "visible";

function subscribe(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** True while this tab can be seen. */
export function useVisible(): boolean {
  return useSyncExternalStore(subscribe, isVisible);
}
