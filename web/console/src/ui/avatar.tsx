const hues = [172, 205, 236, 268, 310, 342, 14, 34, 88, 140];

function hash(text: string): number {
  let h = 0;
  for (const ch of text) h = (h * 31 + ch.codePointAt(0)!) >>> 0;
  return h;
}

/** One or two letters that stand for a name; one character for Han names. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = words[0];
  if (!first) return "?";
  const head = [...first][0]!;
  if (/\p{Script=Han}/u.test(head)) return /^\p{Script=Han}{2,4}$/u.test(first) ? [...first].slice(-1).join("") : head;
  const second = words.length > 1 ? [...words[words.length - 1]!][0]! : "";
  return (head + (/[\p{L}\p{N}]/u.test(second) ? second : "")).toUpperCase();
}

interface Props {
  name: string;
  /** The letters to show, where a name's own would be everybody's. */
  mark?: string | undefined;
  /** What the colour is made from, so that it stays when the name changes. */
  seed?: string;
  size?: number;
  online?: boolean;
}

/** A person's mark. It says nothing a neighbouring text does not, so it is hidden from readers. */
export function Avatar({ name, mark, seed, size = 32, online }: Props) {
  const hue = hues[hash(seed ?? name) % hues.length]!;
  return (
    <span
      className="ui-avatar"
      aria-hidden="true"
      data-initials={mark ?? initials(name)}
      style={{
        width: size,
        height: size,
        fontSize: Math.round(size * 0.38),
        background: `light-dark(hsl(${hue} 34% 88%), hsl(${hue} 22% 27%))`,
        color: `light-dark(hsl(${hue} 45% 26%), hsl(${hue} 40% 84%))`,
      }}
    >
      {online && <i />}
    </span>
  );
}
