import { useTranslation } from "react-i18next";
import type { FlowProblem, Graph } from "@/api/journeys";
import { Button, Popover, ResolveIcon, TroubleIcon } from "@/ui";
import { nodeOf, TRIGGER } from "./graph";
import { problemText, titleOf } from "./words";

/** Everything that keeps a journey from being published, each leading to its place. */
function ProblemList({ graph, problems, onJump }: { graph: Graph; problems: FlowProblem[]; onJump: (id: string) => void }) {
  const { t } = useTranslation();
  if (problems.length === 0) return <p className="flow-help">{t("journeys.noProblems")}</p>;
  return (
    <ul className="flow-problems" data-testid="problem-list">
      {problems.map((problem, i) => {
        const node = nodeOf(graph, problem.node);
        return (
          <li key={i}>
            <button type="button" className="ui-plain" data-testid="problem" data-code={problem.code} data-severity={problem.severity} onClick={() => onJump(node ? node.id : TRIGGER)}>
              <TroubleIcon />
              <span>
                <b>{node ? titleOf(node) : t("journeys.trigger")}</b>
                {problemText(problem)}
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** How many problems there are, and which. */
export function ProblemButton({ graph, problems, onJump }: { graph: Graph; problems: FlowProblem[]; onJump: (id: string) => void }) {
  const { t } = useTranslation();
  const errors = problems.filter((p) => p.severity === "error").length;
  const words = problems.length === 0 ? t("journeys.ready") : errors > 0 ? t("journeys.errors", { count: errors }) : t("journeys.warnings", { count: problems.length });
  return (
    <Popover trigger="click" placement="bottomRight" destroyOnHidden content={<ProblemList graph={graph} problems={problems} onJump={onJump} />} title={t("journeys.problems")}>
      <Button type="text" icon={problems.length === 0 ? <ResolveIcon /> : <TroubleIcon />} className="flow-check" data-testid="problems" data-errors={errors} data-severity={errors > 0 ? "error" : problems.length > 0 ? "warning" : undefined}>
        {words}
      </Button>
    </Popover>
  );
}
