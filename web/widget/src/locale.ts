import { signal } from './reactive';
import sentences from 'virtual:catalog';
import type en from '../../../internal/locale/catalog/en/widget.json';
import type { LocaleCode } from './protocol';

export type TextKey = Exclude<keyof typeof en, 'error'>;

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
  return sentence(key, params) ?? key;
}

/** The sentence for an error code; codes without one share a general sentence. */
export function errorText(code: string, params: Record<string, unknown> = {}): string {
  return sentence(`error.${code}`, params) ?? errorText('internal');
}

function sentence(key: string, params: Record<string, unknown>): string | undefined {
  return sentences[key]?.[locale.value === 'en' ? 0 : 1].replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(params[name] ?? ''));
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
  if (days === 0 || days === 1) return t(days ? 'yesterday' : 'today');
  return new Intl.DateTimeFormat(locale.value, { month: 'long', day: 'numeric', ...(at.getFullYear() !== now.getFullYear() && { year: 'numeric' }) }).format(at);
}

export function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** "1.4 MB". */
export function fileSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < 3; unit++) size /= 1024;
  return `${size < 10 ? Math.round(size * 10) / 10 : Math.round(size)} ${['B', 'KB', 'MB', 'GB'][unit]}`;
}
