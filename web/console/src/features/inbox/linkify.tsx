import type { ReactNode } from "react";

const address = /\bhttps?:\/\/[^\s<>"'，。；：！？、（）【】《》“”]+/gi;

/** Plain text with its web addresses as links; closing punctuation stays outside. */
export function linkify(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(address)) {
    const url = match[0].replace(/[).,;:!?\]]+$/, "");
    out.push(text.slice(end, match.index));
    out.push(
      <a key={match.index} href={url} target="_blank" rel="noopener noreferrer nofollow">
        {url}
      </a>,
    );
    end = match.index + url.length;
  }
  out.push(text.slice(end));
  return out;
}
