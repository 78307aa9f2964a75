import type { Locale, ThemeChoice } from "@/api/types";
import { localeFor } from "@/i18n";
import { createStore, useStore } from "@/realtime/store";

/** What this device remembers, signed in or not. */
export interface Settings {
  locale: Locale;
  theme: ThemeChoice;
  enterSends: boolean;
  sound: boolean;
  notifications: boolean;
  /** Whether the customer's panel is open; null until one opened or closed it by hand. */
  panelOpen: boolean | null;
  viewsOpen: boolean;
}

const KEY = "fanward.settings";

function initial(): Settings {
  const fallback: Settings = {
    locale: localeFor(navigator.languages),
    theme: "system",
    enterSends: false,
    sound: false,
    notifications: false,
    panelOpen: null,
    viewsOpen: true,
  };
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>) };
  } catch {
    return fallback;
  }
}

export const settings = createStore<Settings>(initial());

/** Changes some settings and remembers them on this device. */
export function changeSettings(patch: Partial<Settings>): void {
  settings.set((s) => ({ ...s, ...patch }));
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.get()));
  } catch {
    // A full or forbidden storage only costs the memory of it.
  }
}

export const useSettings = (): Settings => useStore(settings);
