import en from "@catalog/en/console.json";
import zh from "@catalog/zh-CN/console.json";
import type { Locale } from "@/api/types";

/** A new chat's texts, in both languages whatever the teammate reads. */
export function bothLanguages(): { title: Record<Locale, string>; greeting: Record<Locale, string> } {
  return {
    title: { en: en.accounts.defaultTitle, "zh-CN": zh.accounts.defaultTitle },
    greeting: { en: en.accounts.defaultGreeting, "zh-CN": zh.accounts.defaultGreeting },
  };
}

/** What the preview says in a language that may not be the page's. */
export function previewWords(locale: Locale): { reply: string; write: string } {
  const { previewReply, previewWrite } = (locale === "en" ? en : zh).accounts;
  return { reply: previewReply, write: previewWrite };
}
