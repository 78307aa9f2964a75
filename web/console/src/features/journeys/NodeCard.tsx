import { Handle, Position, type NodeProps } from "@xyflow/react";
import type { KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { FlowProblem } from "@/api/journeys";
import { CopyIcon, DeleteIcon, IconButton, JumpIcon, TroubleIcon } from "@/ui";
import { useEditor } from "./context";
import { inOrder, nodeOf, TRIGGER } from "./graph";
import { KindIcon, TriggerIcon } from "./KindIcon";
import { CountLine } from "./numbers";
import { channelsText, goalLine, lineOf, problemText, titleOf, toneOf, triggerLine } from "./words";

/** What xyflow needs to know where lines may end; nobody sees or drags them. */
function Ends() {
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}

export function ProblemMark({ problems }: { problems: FlowProblem[] | undefined }) {
  if (!problems || problems.length === 0) return null;
  const severe = problems.some((p) => p.severity === "error");
  const words = problems.map(problemText).join("\n");
  return (
    <span className="flow-mark" data-testid="node-problem" data-severity={severe ? "error" : "warning"} role="img" aria-label={words} title={words}>
      <TroubleIcon />
    </span>
  );
}

/** Goes to the card before or after one in reading order. */
function moveFocus(event: KeyboardEvent, ids: string[], id: string): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = ids[ids.indexOf(id) + step];
  if (next === undefined) return;
  event.preventDefault();
  document.querySelector<HTMLElement>(`[data-flow-card="${CSS.escape(next)}"]`)?.focus();
}

/** One step, or the trigger, as a card: what it does and its numbers, each on one line. */
export function NodeCard({ id }: NodeProps) {
  const { t } = useTranslation();
  const editor = useEditor();
  const { graph, names, counts, problems, selected } = editor;
  const trigger = id === TRIGGER;
  const node = trigger ? undefined : nodeOf(graph, id);
  if (!trigger && !node) return null;
  const title = node ? titleOf(node) : t("journeys.trigger");
  const line = node ? lineOf(node, names) : triggerLine(graph.trigger, names);
  const count = counts.get(trigger ? "" : id);
  const quiet = node ? (node.kind === "message" ? channelsText(node.message?.channels) : "") : graph.goal ? goalLine(graph.goal) : "";
  return (
    <div className="flow-card" data-testid="flow-node" data-node-id={id} data-kind={node?.kind ?? "trigger"} data-tone={node ? toneOf(node.kind) : "trigger"} data-selected={selected === id ? "" : undefined}>
      <Ends />
      <button
        type="button"
        className="flow-face nopan"
        data-flow-card={id}
        aria-pressed={selected === id}
        onClick={() => editor.select(id)}
        onKeyDown={(event) => moveFocus(event, [TRIGGER, ...inOrder(graph).map((n) => n.id)], id)}
      >
        <span className="flow-title">
          <span className="flow-icon">{node ? <KindIcon kind={node.kind} /> : <TriggerIcon kind={graph.trigger.kind} />}</span>
          <strong>{title}</strong>
        </span>
        <span className="flow-line">{line}</span>
        {!count && quiet && <span className="flow-quiet">{quiet}</span>}
      </button>
      {count && <CountLine count={count} node={node} names={names} onPeople={() => editor.people(trigger ? "" : id)} />}
      <ProblemMark problems={problems.get(trigger ? "" : id)} />
      {node && editor.editable && selected === id && (
        <span className="flow-acts nodrag nopan">
          <IconButton size="small" label={t("journeys.duplicate")} icon={<CopyIcon />} data-testid="node-duplicate" onClick={() => editor.duplicate(id)} disabled={node.kind === "exit"} />
          <IconButton size="small" label={t("journeys.removeStep")} icon={<DeleteIcon />} data-testid="node-delete" onClick={() => editor.remove(id)} />
        </span>
      )}
    </div>
  );
}

/** Where a way ends, or goes to a step that stands elsewhere. */
export function EndPill({ data }: NodeProps) {
  const { t } = useTranslation();
  const { graph, select } = useEditor();
  const to = String(data.to ?? "");
  const target = to ? nodeOf(graph, to) : undefined;
  return (
    <div className="flow-pill" data-testid="flow-end">
      <Ends />
      {target ? (
        <button type="button" className="ui-plain nopan" onClick={() => select(target.id)}>
          <JumpIcon /> {t("journeys.goesTo", { name: titleOf(target) })}
        </button>
      ) : (
        <span>{to ? t("journeys.goesNowhere") : t("journeys.end")}</span>
      )}
    </div>
  );
}
