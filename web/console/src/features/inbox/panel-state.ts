import { changeSettings, useSettings } from "@/features/session/settings";
import { createStore, useStore } from "@/realtime/store";
import { useNarrow, useTight, useWide } from "@/ui";

/** Where the panel lies over the thread it opens only when asked for, and is not remembered. */
const overlaid = createStore(false);

/** Whether the customer's panel is open, and how to change that. */
export function usePanel(): { open: boolean; setOpen: (open: boolean) => void } {
  const narrow = useNarrow();
  const wide = useWide();
  const { panelOpen } = useSettings();
  const overlay = useStore(overlaid);
  return narrow ? { open: overlay, setOpen: (open) => overlaid.set(open) } : { open: panelOpen ?? wide, setOpen: (open) => changeSettings({ panelOpen: open }) };
}

/**
 * Whether the column of views has room: on smaller screens it gives way to a
 * panel beside an open conversation, and to the thread.
 */
export function useRoomForViews(conversationOpen: boolean): boolean {
  const narrow = useNarrow();
  const wide = useWide();
  const tight = useTight();
  const { open } = usePanel();
  return !tight && (wide || narrow || !open || !conversationOpen);
}

/** Closes a panel that covers the thread; answers whether there was one. */
export function closeOverlay(): boolean {
  const was = overlaid.get();
  overlaid.set(false);
  return was;
}
