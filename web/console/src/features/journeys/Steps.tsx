import { useTranslation } from "react-i18next";
import type { EnrollmentStep, Graph } from "@/api/journeys";
import { dayKey, dayName, clock, full } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";
import { ResolveIcon } from "@/ui";
import { nodeOf } from "./graph";
import { KindIcon } from "./KindIcon";
import { outcomeName } from "./numbers";
import { lineOf, titleOf, toneOf, wayName, type Names } from "./words";

/** What came of a step: the name of a way, an outcome, or a code with its sentence. */
function resultOf(step: EnrollmentStep, graph: Graph, names: Names): string {
  const node = nodeOf(graph, step.node);
  const way = /^(?:way:?)?(\d+)$/.exec(step.outcome);
  if (node && way) return wayName(node, way[1]!, names);
  if (node && (step.outcome === "else" || step.outcome === "next")) return wayName(node, step.outcome, names);
  return sentenceFor({ code: step.outcome }) ?? outcomeName(step.outcome);
}

/** The texts in a step's detail that people can read; ids and codes stay out. */
function detailOf(step: EnrollmentStep): string {
  const { detail } = step;
  if (typeof detail === "string") return sentenceFor({ code: detail }) ?? detail;
  if (!detail || typeof detail !== "object") return "";
  const d = detail as Record<string, unknown>;
  const code = [d.code, d.reason, d.why].find((v): v is string => typeof v === "string");
  const words = [d.subject, d.body, d.title, d.text].filter((v): v is string => typeof v === "string" && v !== "");
  const reason = code ? (sentenceFor({ code, params: d }) ?? code) : "";
  return [...words, reason].filter(Boolean).join(" · ");
}

/** What happened to somebody, or would: a line of time. */
export function Steps({ steps, graph, names, now }: { steps: EnrollmentStep[]; graph: Graph; names: Names; now: number }) {
  const { t } = useTranslation();
  if (steps.length === 0) return <p className="flow-help">{t("journeys.noSteps")}</p>;
  return (
    <ol className="flow-steps" data-testid="journey-steps">
      {steps.map((step, i) => {
        const node = nodeOf(graph, step.node);
        const before = steps[i - 1];
        const newDay = !before || dayKey(before.at) !== dayKey(step.at);
        const result = step.outcome ? resultOf(step, graph, names) : "";
        const detail = detailOf(step);
        return (
          <li key={i} data-testid="journey-step" data-node-id={step.node} data-outcome={step.outcome}>
            {newDay && <h4>{dayName(step.at, now)}</h4>}
            <div>
              <span className="flow-icon" data-tone={node ? toneOf(node.kind) : "trigger"}>
                {node ? <KindIcon kind={node.kind} /> : <ResolveIcon />}
              </span>
              <span>
                <b>{node ? titleOf(node) : step.node ? t("journeys.stepRemoved") : t("journeys.trigger")}</b>
                {result && <i>{result}</i>}
                {(detail || node) && <small>{detail || lineOf(node!, names)}</small>}
              </span>
              <time dateTime={step.at} title={full(step.at)}>
                {clock(step.at)}
              </time>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
