import { useTranslation } from "react-i18next";
import type { FlowNode, NodeCount } from "@/api/journeys";
import { i18n } from "@/i18n";
import { number } from "@/i18n/format";
import { wayName, type Names } from "./words";

const known = ["queued", "sent", "delivered", "read", "failed", "unknown", "cancelled", "unreachable", "came", "timeout", "elapsed", "done", "passed", "removed", "unchanged", "exited", "goal", "else", "would_send"] as const;

/** What came of a step, in the reader's language: the name of a way, or an outcome. */
export function outcomeName(outcome: string, node: FlowNode | undefined, names: Names): string {
  const way = /^way_(\d+)$/.exec(outcome);
  if (way) return (node && wayName(node, way[1]!, names)) || i18n.t("journeys.wayNumber", { number: Number(way[1]) + 1 });
  if (node?.kind === "wait" && outcome === "came") return wayName(node, "next", names);
  const found = known.find((k) => k === outcome);
  return found ? i18n.t(`journeys.outcome.${found}`) : outcome;
}

/** outcomeName where there is little room: the shares stand on the lines of a split. */
function shortName(outcome: string, node: FlowNode | undefined, names: Names): string {
  const way = node?.kind === "split" ? /^way_(\d+)$/.exec(outcome) : null;
  return (way && node?.ways?.[Number(way[1])]?.name) || outcomeName(outcome, node, names);
}

/** Ways stand as they do below the card; then what went well, and the rest. */
const placeOf = (outcome: string): number => {
  const way = /^way_(\d+)$/.exec(outcome);
  return way ? Number(way[1]) : 100 + known.indexOf(outcome as (typeof known)[number]);
};

/** How many outcomes a card names; its title names all. */
const shown = 3;

/** The line of numbers of a card: who waits here now, who came, what came of it. */
export function CountLine({ count, node, names, onPeople }: { count: NodeCount; node: FlowNode | undefined; names: Names; onPeople: () => void }) {
  const { t } = useTranslation();
  const outcomes = Object.entries(count.outcomes ?? {})
    // That time has passed, or something was done, is what "came" says already.
    .filter(([name, n]) => n > 0 && name !== "elapsed" && name !== "done")
    .sort((a, b) => placeOf(a[0]) - placeOf(b[0]));
  const say = ([name, n]: [string, number]): string => `${shortName(name, node, names)} ${number(n)}`;
  // However few failed, they are seen.
  const most = [...outcomes].sort((a, b) => Number(b[0] === "failed") - Number(a[0] === "failed") || b[1] - a[1]).slice(0, shown);
  const all = [t("journeys.nodePeople", { waiting: number(count.waiting), entered: number(count.entered) }), ...outcomes.map(say)].join("\n");
  return (
    <button type="button" className="flow-numbers num nodrag nopan" data-testid="node-people" title={all} onClick={onPeople}>
      {count.waiting > 0 && (
        <b>
          <i aria-hidden="true" />
          {t("journeys.waitingHere", { count: count.waiting, number: number(count.waiting) })}
        </b>
      )}
      <span>{t("journeys.came", { number: number(count.entered) })}</span>
      {outcomes
        .filter((o) => most.includes(o))
        .map((o) => (
          <span key={o[0]} data-bad={o[0] === "failed" ? "" : undefined}>
            {say(o)}
          </span>
        ))}
    </button>
  );
}
