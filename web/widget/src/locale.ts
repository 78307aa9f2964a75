import { signal } from './reactive';
import en from '../../../internal/locale/catalog/en/widget.json';
import zh from '../../../internal/locale/catalog/zh-CN/widget.json';
import type { LocaleCode } from './protocol';

type Catalog = typeof en;
export type TextKey = Exclude<keyof Catalog, 'error'>;

const catalogs: Record<LocaleCode, Catalog> = { en, 'zh-CN': zh };

/** The language everything is shown in. */
export const locale = signal<LocaleCode>('en');

/** Matches a BCP 47 tag to a language of the widget, or null. Any Chinese is served by zh-CN. */
export function matchLocale(tag: string | null | undefined): LocaleCode | null {
  const language = tag?.trim().toLowerCase().split(/[-_]/)[0];
  if (language === 'zh') return 'zh-CN';
  return language === 'en' ? 'en' : null;
}

/** First tag that names a language of the widget, else the fallback. */
export function chooseLocale(tags: readonly (string | null | undefined)[], fallback: LocaleCode): LocaleCode {
  for (const tag of tags) {
    const match = matchLocale(tag);
    if (match) return match;
  }
  return fallback;
}

/** A sentence in the current language, with `{{name}}` replaced. */
export function t(key: TextKey, params: Record<string, unknown> = {}): string {
  return fill(catalogs[locale.value][key], params);
}

/** The sentence for an error code; codes without one share a general sentence. */
export function errorText(code: string, params: Record<string, unknown> = {}): string {
  const sentences: Record<string, string> = catalogs[locale.value].error;
  return fill(sentences[code] ?? sentences['internal'] ?? code, params);
}

function fill(sentence: string, params: Record<string, unknown>): string {
  return sentence.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(params[name] ?? ''));
}

/** "14:05" or "2:05 PM", as the language has it. */
export function clockTime(at: Date): string {
  return new Intl.DateTimeFormat(locale.value, { hour: 'numeric', minute: '2-digit' }).format(at);
}

/** Date and time in full, for hovering. */
export function fullTime(at: Date): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: 'full', timeStyle: 'short' }).format(at);
}

/** Name of a day in the visitor's zone: today, yesterday or the date. */
export function dayName(at: Date, now = new Date()): string {
  const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
  if (days === 0) return t('today');
  if (days === 1) return t('yesterday');
  const sameYear = at.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale.value, { month: 'long', day: 'numeric', ...(sameYear ? {} : { year: 'numeric' }) }).format(at);
}

export function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** "1.4 MB", in the current language's digits. */
export function fileSize(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${new Intl.NumberFormat(locale.value, { maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0 }).format(size)} ${units[unit]}`;
}
