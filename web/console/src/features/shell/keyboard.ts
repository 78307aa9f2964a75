import { dialog } from "./dialogs";

/** What a key press was meant for: text in a field, or the page. */
export function inTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit", "file", "range"].includes(target.type);
  return target.getAttribute("role") === "combobox";
}

/** True while a floating layer (dialog, menu, list of choices) takes the keys. */
export function layerOpen(): boolean {
  // The palette takes the keys from the moment it was asked for, also while it loads.
  return (
    dialog.get() !== "none" ||
    document.querySelector(
      ".ant-modal-wrap:not([style*='display: none']), .ant-dropdown:not(.ant-dropdown-hidden), .ant-select-dropdown:not(.ant-select-dropdown-hidden), .ant-popover:not(.ant-popover-hidden), .lightbox",
    ) !== null
  );
}

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** The main modifier's name on this keyboard. */
export const modKey = isMac ? "⌘" : "Ctrl";

export function hasMod(event: { metaKey: boolean; ctrlKey: boolean }): boolean {
  return isMac ? event.metaKey : event.ctrlKey;
}

/**
 * The letter of a key press that is a shortcut: single letters outside text
 * fields, Alt and a letter anywhere. Physical keys are used with Alt, because
 * Alt changes the character on many layouts.
 */
export function shortcutLetter(event: KeyboardEvent): string | null {
  if (event.ctrlKey || event.metaKey || event.isComposing || event.keyCode === 229) return null;
  if (event.altKey) return /^Key[A-Z]$/.test(event.code) ? event.code.slice(3).toLowerCase() : null;
  if (inTextField(event.target) || event.key.length !== 1) return null;
  return event.key.toLowerCase();
}
