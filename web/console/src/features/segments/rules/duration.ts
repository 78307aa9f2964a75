export type DurationUnit = "s" | "m" | "h" | "d" | "w";
export const durationUnits: DurationUnit[] = ["m", "h", "d", "w"];

/** Reads 90m, 12h, 30d, 2w. */
export function parseDuration(text: string | undefined): { count: number; unit: DurationUnit } | null {
  const parts = /^(\d+)([smhdw])$/.exec(text ?? "");
  return parts ? { count: Number(parts[1]), unit: parts[2] as DurationUnit } : null;
}
