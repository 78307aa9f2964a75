import { changeSettings, useSettings } from "@/features/session/settings";
import { createStore, useStore } from "@/realtime/store";
import { useNarrow } from "@/ui";

/** Where the panel lies over the thread it opens only when asked for, and is not remembered. */
const overlaid = createStore(false);

/** Whether the customer's panel is open, and how to change that. */
export function usePanel(): { open: boolean; setOpen: (open: boolean) => void } {
  const narrow = useNarrow();
  const { panelOpen } = useSettings();
  const overlay = useStore(overlaid);
  return narrow ? { open: overlay, setOpen: (open) => overlaid.set(open) } : { open: panelOpen, setOpen: (open) => changeSettings({ panelOpen: open }) };
}

/** Closes a panel that covers the thread; answers whether there was one. */
export function closeOverlay(): boolean {
  const was = overlaid.get();
  overlaid.set(false);
  return was;
}
