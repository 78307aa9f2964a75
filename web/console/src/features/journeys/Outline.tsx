import { useTranslation } from "react-i18next";
import { JumpIcon, PlusIcon } from "@/ui";
import { spotData, useEditor, type Spot } from "./context";
import { inOrder, nodeOf, outlets, reachable, TRIGGER, type Outlet } from "./graph";
import { KindIcon, TriggerIcon } from "./KindIcon";
import { ProblemMark } from "./NodeCard";
import { CountLine } from "./numbers";
import { lineOf, titleOf, toneOf, triggerLine, wayName } from "./words";

function Add({ spot, label }: { spot: Spot; label: string }) {
  const { editable, add } = useEditor();
  if (!editable) return null;
  return (
    <button type="button" className="outline-add" data-testid="flow-add" {...spotData(spot)} aria-label={label} onClick={(event) => add(spot, event.currentTarget)}>
      <PlusIcon />
    </button>
  );
}

/** One step as a row. */
function Row({ id }: { id: string }) {
  const { t } = useTranslation();
  const editor = useEditor();
  const { graph, names, selected, counts, problems } = editor;
  const node = nodeOf(graph, id);
  const key = node ? id : "";
  const count = counts.get(key);
  const title = node ? titleOf(node) : t("journeys.trigger");
  return (
    <div className="outline-row" data-testid="flow-node" data-node-id={id} data-kind={node?.kind ?? "trigger"} data-tone={node ? toneOf(node.kind) : "trigger"} data-selected={selected === id ? "" : undefined}>
      <button type="button" className="flow-face" data-flow-card={id} aria-pressed={selected === id} onClick={() => editor.select(id)}>
        <span className="flow-title">
          <span className="flow-icon">{node ? <KindIcon kind={node.kind} /> : <TriggerIcon kind={graph.trigger.kind} />}</span>
          <strong>{title}</strong>
        </span>
        <span className="flow-line">{node ? lineOf(node, names) : triggerLine(graph.trigger, names)}</span>
      </button>
      {count && <CountLine count={count} node={node} names={names} onPeople={() => editor.people(key)} />}
      <ProblemMark problems={problems.get(key)} />
    </div>
  );
}

interface TrailProps {
  way: Outlet;
  /** The steps above this one; a way back to one of them is a jump. */
  shown: Set<string>;
}

/** What follows in a way, as rows; forks hold their ways as lists of their own. */
function Trail({ way, shown }: TrailProps) {
  const { t } = useTranslation();
  const { graph, names, select } = useEditor();
  const rows: React.ReactNode[] = [];
  let at: Outlet | undefined = way;
  while (at) {
    const from = nodeOf(graph, at.node);
    const label = from ? t("journeys.addAfter", { step: titleOf(from) }) : t("journeys.addFirst");
    rows.push(
      <li key={`${at.node}:${at.port}`} className="outline-gap">
        <Add spot={{ node: at.node, port: at.port }} label={label} />
      </li>,
    );
    const node = at.to ? nodeOf(graph, at.to) : undefined;
    if (!node) {
      rows.push(
        <li key="end" className="outline-end">
          {at.to ? t("journeys.goesNowhere") : t("journeys.end")}
        </li>,
      );
      break;
    }
    if (shown.has(node.id)) {
      rows.push(
        <li key="jump" className="outline-end">
          <button type="button" className="ui-plain" onClick={() => select(node.id)}>
            <JumpIcon /> {t("journeys.goesTo", { name: titleOf(node) })}
          </button>
        </li>,
      );
      break;
    }
    shown.add(node.id);
    const ways = outlets(graph, node.id);
    rows.push(
      <li key={node.id}>
        <Row id={node.id} />
        {ways.length > 1 && (
          <ul className="outline-ways">
            {ways.map((w) => (
              <li key={w.port}>
                <span className="outline-way">{wayName(node, w.port, names)}</span>
                <Trail way={w} shown={shown} />
              </li>
            ))}
          </ul>
        )}
      </li>,
    );
    at = ways.length === 1 ? ways[0] : undefined;
  }
  return <ol className="outline-trail">{rows}</ol>;
}

/** The same journey as a list: for phones, screen readers and whoever prefers reading. */
export function Outline() {
  const { t } = useTranslation();
  const { graph } = useEditor();
  const reached = reachable(graph);
  const strays = inOrder(graph).filter((n) => !reached.has(n.id));
  return (
    <div className="flow-outline" data-testid="journey-outline" role="region" aria-label={t("journeys.outline")}>
      <Row id={TRIGGER} />
      {outlets(graph, TRIGGER).map((way) => (
        <Trail key={way.port} way={way} shown={new Set()} />
      ))}
      {strays.length > 0 && (
        <section>
          <h3>{t("journeys.strays")}</h3>
          <ul>
            {strays.map((n) => (
              <li key={n.id}>
                <Row id={n.id} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
