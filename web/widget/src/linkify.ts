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
    const href = toHref(text);
    if (!href) continue;
    if (match.index > end) parts.push({ text: body.slice(end, match.index) });
    parts.push({ text, href });
    end = match.index + text.length;
  }
  if (end < body.length) parts.push({ text: body.slice(end) });
  return parts;
}

/** Punctuation after an address belongs to the sentence, a closing bracket only when it was opened inside. */
function trimTail(text: string): string {
  let kept = text;
  for (;;) {
    const last = kept.slice(-1);
    const unopened = last === ')' && kept.split('(').length < kept.split(')').length;
    if (!/[.,;:!?\]]/.test(last) && !unopened) return kept;
    kept = kept.slice(0, -1);
  }
}

function toHref(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}
