import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { setRequestLanguage } from "@/api/http";
import type { Locale } from "@/api/types";

const bundles: Record<Locale, () => Promise<{ default: { console: object; errors: object } }>> = {
  en: () => import("./bundles/en"),
  "zh-CN": () => import("./bundles/zh-CN"),
};

export const locales: Locale[] = ["zh-CN", "en"];

/** The language to start with for a browser that prefers these, best first. */
export function localeFor(preferred: readonly string[]): Locale {
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "zh") return "zh-CN";
    if (language === "en") return "en";
  }
  return "en";
}

async function load(locale: Locale): Promise<void> {
  if (i18next.hasResourceBundle(locale, "console")) return;
  const bundle = (await bundles[locale]()).default;
  i18next.addResourceBundle(locale, "console", bundle.console);
  i18next.addResourceBundle(locale, "errors", bundle.errors);
}

/** Prepares translation; must finish before the first render. */
export async function startI18n(locale: Locale): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: locale,
    fallbackLng: false,
    ns: ["console", "errors"],
    defaultNS: "console",
    resources: {},
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
    returnNull: false,
    showSupportNotice: false,
  });
  await setLocale(locale);
}

/** Switches every sentence on the page, and those the server will send. */
export async function setLocale(locale: Locale): Promise<void> {
  await load(locale);
  await i18next.changeLanguage(locale);
  setRequestLanguage(locale);
  document.documentElement.lang = locale;
}

export { default as i18n } from "i18next";
