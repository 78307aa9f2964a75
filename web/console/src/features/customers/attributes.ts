/** An attribute's value as people read it. */
export function attributeShown(value: unknown): string {
  return Array.isArray(value) ? value.map(attributeText).join(", ") : attributeText(value);
}

/** An attribute's value as people write it; parseAttribute reads it. */
export function attributeText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What a person typed as a value: numbers, true and false are kept as such. */
export function parseAttribute(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "true") return true;
  if (trimmed === "false") return false;
  // Only what prints back the same: "007" and long numbers stay text.
  if (trimmed !== "" && String(Number(trimmed)) === trimmed && Number.isFinite(Number(trimmed))) return Number(trimmed);
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed) as unknown;
    } catch {
      return text;
    }
  }
  return text;
}

interface Named {
  name: string;
  value: string;
}

/**
 * What of the attributes was changed between two forms of them: null takes one
 * away. What was left alone is not named, so that what came in meanwhile stays.
 */
export function changedAttributes(before: Named[], after: Named[]): Record<string, unknown> {
  const was = new Map(before.map(({ name, value }) => [name, value]));
  const is = new Map(after.map(({ name, value }) => [name.trim(), value]));
  is.delete("");
  const changed = [...is].filter(([name, value]) => was.get(name) !== value).map(([name, value]) => [name, parseAttribute(value)]);
  const gone = [...was.keys()].filter((name) => !is.has(name)).map((name) => [name, null]);
  return Object.fromEntries([...changed, ...gone]) as Record<string, unknown>;
}
