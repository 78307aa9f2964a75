import { useTranslation } from "react-i18next";
import type { EnrollmentStep, Graph, TrialStep } from "@/api/journeys";
import { channelName } from "@/features/channels/channels";
import { clock, dayKey, dayName, full, soon } from "@/i18n/format";
import { i18n } from "@/i18n";
import { sentenceFor } from "@/i18n/problem";
import { ResolveIcon } from "@/ui";
import { nodeOf } from "./graph";
import { KindIcon } from "./KindIcon";
import { outcomeName } from "./numbers";
import { lineOf, titleOf, toneOf, type Names } from "./words";

/** A step that was taken, or would be. */
type Walked = Pick<EnrollmentStep, "node" | "kind" | "at" | "outcome" | "detail"> & Partial<Pick<TrialStep, "message" | "task">>;

/** What an outcome leaves open: how it was sent, why it failed, what would have been said. */
function detailOf(step: Walked, graph: Graph, names: Names): string {
  const node = nodeOf(graph, step.node);
  if (step.message) return [channelName(step.message.channel), step.message.subject, step.message.body].filter(Boolean).join(" · ");
  if (step.task) return i18n.t("journeys.taskMade", { title: step.task.title, time: full(step.task.due_at) });
  if (node?.kind === "message" && node.message?.channels.includes(step.detail)) return channelName(step.detail);
  if (node?.kind === "branch" || node?.kind === "split") return "";
  if (node?.kind === "stage") return lineOf(node, names);
  const said = step.detail && (sentenceFor({ code: step.detail }) ?? step.detail);
  return said || (node ? lineOf(node, names) : "");
}

interface Props {
  steps: Walked[];
  graph: Graph;
  names: Names;
  now: number;
}

/** What happened to somebody, or would: a line of time. */
export function Steps({ steps, graph, names, now }: Props) {
  const { t } = useTranslation();
  if (steps.length === 0) return <p className="flow-help">{t("journeys.noSteps")}</p>;
  return (
    <ol className="flow-steps" data-testid="journey-steps">
      {steps.map((step, i) => {
        const node = nodeOf(graph, step.node);
        const before = steps[i - 1];
        const newDay = !before || dayKey(before.at) !== dayKey(step.at);
        const detail = detailOf(step, graph, names);
        return (
          <li key={i} data-testid="journey-step" data-node-id={step.node} data-kind={step.kind} data-outcome={step.outcome}>
            {newDay && <h4>{Date.parse(step.at) > now ? soon(step.at, now) : dayName(step.at, now)}</h4>}
            <div>
              <span className="flow-icon" data-tone={node ? toneOf(node.kind) : "trigger"}>
                {node ? <KindIcon kind={node.kind} /> : <ResolveIcon />}
              </span>
              <span>
                <b>{node ? titleOf(node) : step.node ? t("journeys.stepRemoved") : t("journeys.trigger")}</b>
                {step.outcome && <i>{outcomeName(step.outcome, node, names)}</i>}
                {detail && <small>{detail}</small>}
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
