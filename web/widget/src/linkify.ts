import { attempt } from './storage';

export interface TextPart {
  text: string;
  /** Set when the part is an http or https address. */
  href?: string;
}

const address = /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/gi;

/** Cuts a message into text and web addresses. Only http and https ever become links. */
export function linkify(body: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of body.matchAll(address)) {
    const text = trimTail(match[0]);
    const href = attempt(() => new URL(text).href);
    if (!href) continue;
    if (match.index > end) parts.push({ text: body.slice(end, match.index) });
    parts.push({ text, href });
    end = match.index + text.length;
  }
  if (end < body.length) parts.push({ text: body.slice(end) });
  return parts;
}

/** Punctuation after an address belongs to the sentence; so does a closing bracket, unless one was opened inside. */
function trimTail(text: string): string {
  return text.replace(text.includes('(') ? /[.,;:!?\]]+$/ : /[.,;:!?\])]+$/, '');
}
