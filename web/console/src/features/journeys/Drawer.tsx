import { useTranslation } from "react-i18next";
import type { FlowNode, Graph, NodeKind } from "@/api/journeys";
import { Alert, Button, CloseIcon, CopyIcon, DeleteIcon, Field, IconButton, Input, PlusIcon, Select } from "@/ui";
import { useEditor } from "./context";
import { AttributeForm, StageForm, TagForm, TaskStepForm } from "./forms/DataForms";
import { byField, type FormProps } from "./forms/form";
import { BranchForm, SplitForm } from "./forms/LogicForms";
import { MessageForm } from "./forms/MessageForm";
import { DelayForm, UntilForm, WaitForm } from "./forms/TimingForms";
import { TriggerForm } from "./forms/TriggerForm";
import { connect, inOrder, joinElse, nodeOf, outletsOf, sharesElse, TRIGGER } from "./graph";
import { KindIcon, TriggerIcon } from "./KindIcon";
import { kindName, titleOf, toneOf, wayName } from "./words";

const forms: Record<Exclude<NodeKind, "message" | "exit">, (props: FormProps) => React.ReactNode> = {
  delay: DelayForm,
  until: UntilForm,
  wait: WaitForm,
  branch: BranchForm,
  split: SplitForm,
  attribute: AttributeForm,
  tag: TagForm,
  stage: StageForm,
  task: TaskStepForm,
};

/** Where a node's ways lead; they can be led to any other step. */
function Ways({ node, change }: { node: FlowNode; change: (next: (graph: Graph) => Graph) => void }) {
  const { t } = useTranslation();
  const { graph, names, editable, add } = useEditor();
  const ways = outletsOf(node);
  if (ways.length === 0) return <p className="flow-help">{t("journeys.exitHelp")}</p>;
  const others = inOrder(graph).filter((n) => n.id !== node.id);
  const count = new Map<string, number>();
  for (const n of others) count.set(titleOf(n), (count.get(titleOf(n)) ?? 0) + 1);
  const options = [{ value: "", label: t("journeys.endsHere") }, ...others.map((n, i) => ({ value: n.id, label: (count.get(titleOf(n)) ?? 0) > 1 ? `${i + 1}. ${titleOf(n)}` : titleOf(n) }))];
  return (
    <section>
      <h3>{t("journeys.thenTitle")}</h3>
      {ways.map((way) => (
        <Field key={way.port} label={ways.length > 1 ? wayName(node, way.port, names) : t("journeys.then")}>
          {({ id }) => <Select id={id} aria-label={ways.length > 1 ? wayName(node, way.port, names) : t("journeys.then")} disabled={!editable} data-testid={`way-to-${way.port}`} value={way.to} onChange={(to: string) => change((g) => connect(g, way, to))} options={options} showSearch={{ optionFilterProp: "label" }} />}
        </Field>
      ))}
      {node.kind === "message" && editable && (
        <div className="ui-field">
          <span className="ui-label">{t("journeys.way.unreachable")}</span>
          <span className="ui-help">{t(sharesElse(node) ? "journeys.unreachableShared" : "journeys.unreachableOwn")}</span>
          {sharesElse(node) ? (
            <Button size="small" icon={<PlusIcon />} style={{ justifySelf: "start" }} data-testid="unreachable-own" onClick={(event) => add({ node: node.id, port: "else" }, event.currentTarget)}>
              {t("journeys.unreachableAdd")}
            </Button>
          ) : (
            <Button size="small" style={{ justifySelf: "start" }} onClick={() => change((g) => joinElse(g, node.id))}>
              {t("journeys.unreachableJoin")}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

interface Props {
  journeyId: string;
  change: (next: (graph: Graph) => Graph, mark?: string) => void;
  setNode: (id: string, patch: Partial<FlowNode>, mark?: string) => void;
  onClose: () => void;
}

function NodeBody({ node, journeyId, change, setNode }: Omit<Props, "onClose"> & { node: FlowNode }) {
  const { problems: all, editable } = useEditor();
  const problems = byField(all.get(node.id));
  const props: FormProps = { node, set: (patch, mark) => setNode(node.id, patch, mark && `${node.id}:${mark}`), problems, readOnly: !editable };
  const Form = node.kind === "message" || node.kind === "exit" ? null : forms[node.kind];
  return (
    <>
      {problems[""] && <Alert tone="warn">{problems[""]}</Alert>}
      {node.kind === "message" ? <MessageForm {...props} journeyId={journeyId} /> : Form ? <Form {...props} /> : null}
      <Ways node={node} change={change} />
    </>
  );
}

/** Edits one step, or what belongs to the journey itself, beside the canvas. */
export function Drawer({ journeyId, change, setNode, onClose }: Props) {
  const { t } = useTranslation();
  const { graph, selected, editable, problems, remove, duplicate } = useEditor();
  const node = selected ? nodeOf(graph, selected) : undefined;
  if (!node && selected !== TRIGGER) return null;
  return (
    <aside className="flow-drawer" data-testid="journey-drawer" aria-label={node ? titleOf(node) : t("journeys.trigger")}>
      <header data-tone={node ? toneOf(node.kind) : "trigger"}>
        <span className="flow-icon">{node ? <KindIcon kind={node.kind} /> : <TriggerIcon kind={graph.trigger.kind} />}</span>
        {node ? (
          <Input variant="borderless" aria-label={t("journeys.nodeName")} maxLength={120} disabled={!editable} data-testid="node-name" placeholder={kindName(node.kind)} value={node.name ?? ""} onChange={(e) => setNode(node.id, { name: e.target.value }, `${node.id}:name`)} />
        ) : (
          <h2>{t("journeys.trigger")}</h2>
        )}
        {node && editable && (
          <>
            <IconButton label={t("journeys.duplicate")} icon={<CopyIcon />} disabled={node.kind === "exit"} onClick={() => duplicate(node.id)} />
            <IconButton label={t("journeys.removeStep")} icon={<DeleteIcon />} data-testid="drawer-delete" onClick={() => remove(node.id)} />
          </>
        )}
        <IconButton label={t("journeys.closeDrawer")} icon={<CloseIcon />} data-testid="drawer-close" onClick={onClose} />
      </header>
      <div className="flow-form" key={selected}>
        {node ? (
          <NodeBody node={node} journeyId={journeyId} change={change} setNode={setNode} />
        ) : (
          <TriggerForm graph={graph} set={(patch, mark) => change((g) => ({ ...g, ...patch }), mark && `trigger:${mark}`)} problems={byField(problems.get(""))} readOnly={!editable} />
        )}
      </div>
    </aside>
  );
}
