import type { Locale, WebchatConfig } from "@/api/types";

/** An origin as browsers send it: scheme and host, no path; or * for all. */
export function isOrigin(text: string): boolean {
  if (text === "*") return true;
  try {
    const url = new URL(text);
    return (url.protocol === "https:" || url.protocol === "http:") && url.origin === text.toLowerCase();
  } catch {
    return false;
  }
}

/** The lines of the origins field; a trailing slash is not held against anybody. */
export function parseOrigins(text: string): string[] {
  const lines = text
    .split(/[\s,，]+/)
    .map((line) => line.trim().replace(/\/+$/, "").toLowerCase())
    .filter(Boolean);
  return [...new Set(lines)];
}

/** What a new web chat starts with. */
export function defaultConfig(words: { title: Record<Locale, string>; greeting: Record<Locale, string> }, locale: Locale): WebchatConfig {
  return { origins: [], color: "#0f766e", title: words.title, greeting: words.greeting, position: "right", default_locale: locale, require_identity: false };
}

function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const channel = parseInt(color.slice(i, i + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const DARK = "#16181d";

/** The text colour the widget uses on a colour: white where it can be read, else the better one. */
export function readableOn(color: string): string {
  const light = luminance(color);
  const onWhite = 1.05 / (light + 0.05);
  const onDark = (light + 0.05) / (luminance(DARK) + 0.05);
  return onWhite >= 4.5 || onWhite >= onDark ? "#ffffff" : DARK;
}
