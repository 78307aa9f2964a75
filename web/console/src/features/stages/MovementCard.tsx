import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Stage } from "@/api/behaviour";
import { useNames } from "@/features/segments/rules/names";
import { number } from "@/i18n/format";
import { ArrowIcon, ErrorState, Segmented, Select, Skeleton } from "@/ui";
import { largest, matrix } from "./movement";
import { useMovement } from "./queries";

const periods = [7, 30, 90, 365] as const;
const SHOWN = 8;

/** How many went from which stage to which in a period: the largest ways, and a table of all. */
export function MovementCard({ stages }: { stages: Stage[] }) {
  const { t } = useTranslation();
  const names = useNames();
  const [days, setDays] = useState<number>(30);
  const [as, setAs] = useState<"flow" | "table">("flow");
  const query = useMovement(days);
  const name = (key: string) => (key ? names.stage(key) : t("stages.none"));
  const cells = query.data?.cells ?? [];
  const ways = largest(cells, SHOWN);
  const most = ways[0]?.count ?? 1;
  const table = matrix(cells, ["", ...stages.map((s) => s.key)]);
  return (
    <section className="movement" data-testid="movement">
      <header>
        <h2>{t("stages.movement")}</h2>
        <Select size="small" popupMatchSelectWidth={false} aria-label={t("stages.period")} data-testid="movement-period" value={days} onChange={setDays} options={periods.map((value) => ({ value, label: t("stages.lastDays", { count: value }) }))} />
        <Segmented
          size="small"
          aria-label={t("stages.movementAs")}
          value={as}
          onChange={setAs}
          options={[
            { value: "flow" as const, label: t("stages.flow") },
            { value: "table" as const, label: t("stages.table") },
          ]}
        />
      </header>
      {query.isPending ? (
        <Skeleton lines={3} />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : ways.length === 0 ? (
        <p className="muted">{t("stages.noMovement")}</p>
      ) : as === "flow" ? (
        <ul className="movement-flow">
          {ways.map((way) => (
            <li key={`${way.from}>${way.to}`}>
              <span className="movement-way">
                {name(way.from)} <ArrowIcon /> {name(way.to)}
              </span>
              <span className="movement-bar" aria-hidden="true">
                <span style={{ width: `${Math.max(2, (way.count / most) * 100)}%` }} />
              </span>
              <span className="num">{number(way.count)}</span>
            </li>
          ))}
        </ul>
      ) : (
        <div className="movement-table" tabIndex={0} role="group" aria-label={t("stages.movement")}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("stages.fromTo")}</th>
                {table.columns.map((key) => (
                  <th key={key} scope="col">
                    {name(key)}
                  </th>
                ))}
                <th scope="col">{t("stages.total")}</th>
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row) => (
                <tr key={row.from}>
                  <th scope="row">{name(row.from)}</th>
                  {row.counts.map((count, i) => (
                    <td key={table.columns[i]} className="num" data-some={count > 0 ? "" : undefined} style={{ "--share": `${Math.round((count / most) * 40)}%` } as React.CSSProperties}>
                      {table.columns[i] === row.from ? "" : count > 0 ? number(count) : "0"}
                    </td>
                  ))}
                  <td className="num">{number(row.total)}</td>
                </tr>
              ))}
              <tr>
                <th scope="row">{t("stages.total")}</th>
                {table.totals.map((count, i) => (
                  <td key={table.columns[i]} className="num">
                    {number(count)}
                  </td>
                ))}
                <td className="num">{number(table.totals.reduce((sum, n) => sum + n, 0))}</td>
              </tr>
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
