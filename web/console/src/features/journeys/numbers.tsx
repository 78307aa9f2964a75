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

/** Which way an outcome is, counted from 0; what is none comes after them all. */
const wayOf = (outcome: string): number => Number(/^way_(\d+)$/.exec(outcome)?.[1] ?? Number.MAX_SAFE_INTEGER);

/** The line of numbers of a card: who waits here now, who came, what came of it. */
export function CountLine({ count, node, names, onPeople }: { count: NodeCount; node: FlowNode | undefined; names: Names; onPeople: () => void }) {
  const { t } = useTranslation();
  const outcomes = Object.entries(count.outcomes ?? {})
    // That time has passed, or something was done, is what "came" says already.
    .filter(([name, n]) => n > 0 && name !== "elapsed" && name !== "done")
    .sort((a, b) => b[1] - a[1])
    .slice(0, 2)
    // Ways stand as they do below the card.
    .sort((a, b) => wayOf(a[0]) - wayOf(b[0]));
  return (
    <button type="button" className="flow-numbers num nodrag nopan" data-testid="node-people" title={t("journeys.nodePeople", { waiting: number(count.waiting), entered: number(count.entered) })} onClick={onPeople}>
      {count.waiting > 0 && (
        <b>
          <i aria-hidden="true" />
          {t("journeys.waitingHere", { count: count.waiting, number: number(count.waiting) })}
        </b>
      )}
      <span>{t("journeys.came", { number: number(count.entered) })}</span>
      {outcomes.map(([name, n]) => (
        <span key={name} data-bad={name === "failed" ? "" : undefined}>
          {shortName(name, node, names)} {number(n)}
        </span>
      ))}
    </button>
  );
}
