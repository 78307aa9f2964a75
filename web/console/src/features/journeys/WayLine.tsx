import { BaseEdge, EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { useTranslation } from "react-i18next";
import { PlusIcon } from "@/ui";
import { spotData, useEditor, type Spot } from "./context";
import { nodeOf } from "./graph";
import type { Line, Point } from "./layout";
import { titleOf, wayName } from "./words";

const BEND = 10;

/** A line of right angles with rounded corners. */
function pathOf(points: readonly Point[]): string {
  let path = "";
  points.forEach(([x, y], i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    if (!before || !after) {
      path += `${i === 0 ? "M" : "L"}${x} ${y}`;
      return;
    }
    const into = Math.hypot(x - before[0], y - before[1]);
    const out = Math.hypot(after[0] - x, after[1] - y);
    const r = Math.min(BEND, into / 2, out / 2);
    path += `L${x - ((x - before[0]) / into) * r} ${y - ((y - before[1]) / into) * r}Q${x} ${y} ${x + ((after[0] - x) / out) * r} ${y + ((after[1] - y) / out) * r}`;
  });
  return path;
}

function Plus({ at, spot, label }: { at: Point; spot: Spot; label: string }) {
  const { add } = useEditor();
  return (
    <button type="button" className="flow-plus nodrag nopan" style={{ transform: `translate(-50%, -50%) translate(${at[0]}px, ${at[1]}px)` }} data-testid="flow-add" {...spotData(spot)} aria-label={label} title={label} onClick={(event) => add(spot, event.currentTarget)}>
      <PlusIcon />
    </button>
  );
}

/** One way: its line, its name, and the "+" that puts a step into it. */
export function WayLine({ data }: EdgeProps) {
  const { t } = useTranslation();
  const { graph, names, editable } = useEditor();
  const line = data as unknown as Line & { meet?: Point };
  const node = nodeOf(graph, line.node);
  const name = node ? wayName(node, line.port, names) : "";
  const words = node ? (name ? t("journeys.addInWay", { step: titleOf(node), way: name }) : t("journeys.addAfter", { step: titleOf(node) })) : t("journeys.addFirst");
  return (
    <>
      <BaseEdge path={pathOf(line.points)} className="flow-path" />
      <EdgeLabelRenderer>
        {line.label && (
          <span className="flow-way nopan" style={{ transform: `translate(-50%, -50%) translate(${line.label[0]}px, ${line.label[1]}px)` }} title={name}>
            {name}
          </span>
        )}
        {editable && <Plus at={line.plus} spot={{ node: line.node, port: line.port }} label={words} />}
        {editable && line.meet && <Plus at={line.meet} spot={{ before: line.to }} label={t("journeys.addBefore", { step: titleOf(nodeOf(graph, line.to)!) })} />}
      </EdgeLabelRenderer>
    </>
  );
}
