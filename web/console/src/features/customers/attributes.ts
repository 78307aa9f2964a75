/** An attribute's value as people read it. */
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
