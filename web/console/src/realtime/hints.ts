import { createStore, useStore } from "./store";
import type { ServerFrame, Viewer } from "./frames";

/** Typing hints die after this many milliseconds without a repeat. */
const TYPING_LASTS = 6_000;

interface Hints {
  online: ReadonlySet<string>;
  customers: Readonly<Record<string, boolean>>;
  viewers: Readonly<Record<string, Viewer[]>>;
  typing: Readonly<Record<string, boolean>>;
}

const empty: Hints = { online: new Set(), customers: {}, viewers: {}, typing: {} };
const nobody: Viewer[] = [];

/** Who is where, as far as was heard. Hints may be lost; nothing depends on them. */
export const hints = createStore<Hints>(empty);

const typingTimers = new Map<string, ReturnType<typeof setTimeout>>();

function setTyping(conversationId: string, on: boolean): void {
  clearTimeout(typingTimers.get(conversationId));
  typingTimers.delete(conversationId);
  if (on) typingTimers.set(conversationId, setTimeout(() => setTyping(conversationId, false), TYPING_LASTS));
  if (Boolean(hints.get().typing[conversationId]) === on) return;
  hints.set((h) => ({ ...h, typing: { ...h.typing, [conversationId]: on } }));
}

/** Takes a hint frame; answers false when the frame is not a hint. */
export function hear(frame: ServerFrame): boolean {
  switch (frame.t) {
    case "viewers":
      hints.set((h) => ({ ...h, viewers: { ...h.viewers, [frame.conversation_id]: frame.viewers } }));
      return true;
    case "typing":
      setTyping(frame.conversation_id, frame.on);
      return true;
    case "presence":
      hints.set((h) => ({ ...h, online: new Set(frame.online) }));
      return true;
    case "customer_presence":
      hints.set((h) => ({ ...h, customers: { ...h.customers, [frame.customer_id]: frame.online } }));
      return true;
    case "hello":
      hints.set({ ...empty, online: new Set(frame.online) });
      return false;
    default:
      return false;
  }
}

/** Ends a customer's typing hint, because the message came. */
export function stopTyping(conversationId: string): void {
  setTyping(conversationId, false);
}

export function clearHints(): void {
  hints.set(empty);
}

export const useViewers = (conversationId: string): Viewer[] => useStore(hints, (h) => h.viewers[conversationId] ?? nobody);
export const useTyping = (conversationId: string): boolean => useStore(hints, (h) => h.typing[conversationId] ?? false);
export const useOnline = (): ReadonlySet<string> => useStore(hints, (h) => h.online);
/** Undefined until a hint was heard: then the customer's record decides. */
export const useCustomerOnline = (customerId: string): boolean | undefined => useStore(hints, (h) => h.customers[customerId]);
