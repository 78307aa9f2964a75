/** The first few properties of an event in one line: "amount 128 · sku T-9". Nested ones are only named. */
export function propertySummary(properties: Record<string, unknown>, atMost = 4): string {
  const entries = Object.entries(properties);
  const shown = entries.slice(0, atMost).map(([name, value]) => {
    if (value === null || value === undefined) return `${name} –`;
    if (typeof value === "object") return `${name} ${Array.isArray(value) ? `[${value.length}]` : "{…}"}`;
    const text = String(value);
    return `${name} ${text.length > 40 ? `${text.slice(0, 39)}…` : text}`;
  });
  return shown.join(" · ") + (entries.length > atMost ? " …" : "");
}
