/** A key press as the composer sees it. */
export interface Press {
  key: string;
  keyCode: number;
  isComposing: boolean;
  shiftKey: boolean;
  altKey: boolean;
  /** ⌘ on Apple keyboards, Ctrl elsewhere. */
  mod: boolean;
}

export type SendAct = "send" | "send-and-resolve" | null;

/** Safari ends a composition just before the Enter that confirmed it arrives. */
const AFTER_COMPOSITION = 80;

/**
 * What an Enter means. An Enter that confirms an input method's text never
 * sends: browsers mark it by isComposing or key code 229; Safari may mark it
 * by neither, so an Enter right after a composition's end counts too.
 * `sinceComposition` is in milliseconds.
 */
export function sendAct(press: Press, enterSends: boolean, sinceComposition: number): SendAct {
  if (press.key !== "Enter") return null;
  if (press.isComposing || press.keyCode === 229 || sinceComposition < AFTER_COMPOSITION) return null;
  if (press.altKey) return null;
  if (press.mod) return press.shiftKey ? "send-and-resolve" : "send";
  return enterSends && !press.shiftKey ? "send" : null;
}
