import type { Movement } from "@/api/behaviour";

/** The largest ways between stages first; those that nobody went are left out. */
export function largest(cells: readonly Movement[], atMost: number): Movement[] {
  return cells
    .filter((cell) => cell.count > 0 && cell.from !== cell.to)
    .sort((a, b) => b.count - a.count || a.from.localeCompare(b.from) || a.to.localeCompare(b.to))
    .slice(0, atMost);
}

export interface MatrixRow {
  from: string;
  /** In the order of the columns. */
  counts: number[];
  total: number;
}

/** Every way between the stages, a row for where people came from; stages that are gone are added behind. */
export function matrix(cells: readonly Movement[], order: readonly string[]): { columns: string[]; rows: MatrixRow[]; totals: number[] } {
  const named = new Set(cells.flatMap((cell) => [cell.from, cell.to]));
  const all = [...order, ...[...named].filter((key) => !order.includes(key)).sort()];
  const count = (from: string, to: string) => cells.find((cell) => cell.from === from && cell.to === to)?.count ?? 0;
  const rows = all.map((from) => {
    const counts = all.map((to) => count(from, to));
    return { from, counts, total: counts.reduce((sum, n) => sum + n, 0) };
  });
  return { columns: all, rows, totals: all.map((_, i) => rows.reduce((sum, row) => sum + row.counts[i]!, 0)) };
}
