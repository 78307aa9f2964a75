import { useTranslation } from "react-i18next";
import type { NodeCount } from "@/api/journeys";
import { i18n } from "@/i18n";
import { number } from "@/i18n/format";

const known = ["sent", "delivered", "read", "failed", "unreachable", "replied", "happened", "timeout", "done", "skipped", "unknown", "moved", "kept", "created"] as const;

/** What came of a step, in the reader's language; outcomes of ways have the way's own name. */
export function outcomeName(outcome: string): string {
  const found = known.find((k) => k === outcome);
  return found ? i18n.t(`journeys.outcome.${found}`) : outcome;
}

/** The line of numbers of a card: who waits here now, who came, what came of it. */
export function CountLine({ count, onPeople }: { count: NodeCount; onPeople: () => void }) {
  const { t } = useTranslation();
  const outcomes = Object.entries(count.outcomes ?? {})
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 2);
  return (
    <button type="button" className="flow-numbers num nodrag nopan" data-testid="node-people" aria-label={t("journeys.nodePeople", { waiting: number(count.waiting), entered: number(count.entered) })} onClick={onPeople}>
      {count.waiting > 0 && (
        <b>
          <i aria-hidden="true" />
          {t("journeys.waitingHere", { count: count.waiting, number: number(count.waiting) })}
        </b>
      )}
      <span>{t("journeys.came", { number: number(count.entered) })}</span>
      {outcomes.map(([name, n]) => (
        <span key={name} data-bad={name === "failed" ? "" : undefined}>
          {outcomeName(name)} {number(n)}
        </span>
      ))}
    </button>
  );
}
