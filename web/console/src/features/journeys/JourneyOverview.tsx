import { useTranslation } from "react-i18next";
import type { Journey, NodeCount } from "@/api/journeys";
import { number, share } from "@/i18n/format";
import { EmptyState, HistoryIcon } from "@/ui";
import { inOrder } from "./graph";
import { outcomeName } from "./numbers";
import { goalLine, titleOf, type Names } from "./words";

function Figure({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div className="flow-figure">
      <dt>{label}</dt>
      <dd className="num">
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

/** The numbers of a journey: the whole, and each step in order. */
export function JourneyOverview({ journey, counts, names, onPeople }: { journey: Journey; counts: ReadonlyMap<string, NodeCount>; names: Names; onPeople: (node: string, outcome?: string) => void }) {
  const { t } = useTranslation();
  const graph = journey.live ?? journey.draft;
  if (journey.version === null) {
    return (
      <EmptyState icon={<HistoryIcon />} title={t("journeys.noNumbers")}>
        {t("journeys.nobodyDraft")}
      </EmptyState>
    );
  }
  const reached = journey.entered > 0 ? share(journey.goals / journey.entered) : "";
  return (
    <div className="flow-page stack" data-testid="journey-overview">
      <dl className="flow-figures">
        <Figure label={t("journeys.entered")} value={number(journey.entered)} />
        <Figure label={t("journeys.active")} value={number(journey.active)} />
        <Figure label={t("journeys.completed")} value={number(journey.completed)} />
        {graph.goal && <Figure label={t("journeys.goals")} value={number(journey.goals)} note={reached} />}
      </dl>
      {graph.goal && <p className="flow-help">{goalLine(graph.goal)}</p>}
      <div className="flow-scroll">
        <table className="flow-table">
          <thead>
            <tr>
              <th scope="col">{t("journeys.step")}</th>
              <th scope="col" className="num">
                {t("journeys.entered")}
              </th>
              <th scope="col" className="num">
                {t("journeys.waiting")}
              </th>
              <th scope="col" className="num">
                {t("journeys.left")}
              </th>
              <th scope="col">{t("journeys.outcomes")}</th>
            </tr>
          </thead>
          <tbody>
            {inOrder(graph).map((node) => {
              const count = counts.get(node.id);
              return (
                <tr key={node.id}>
                  <td>{titleOf(node)}</td>
                  <td className="num">{number(count?.entered ?? 0)}</td>
                  <td className="num">
                    {count && count.waiting > 0 ? (
                      <button type="button" className="ui-plain flow-link" onClick={() => onPeople(node.id)}>
                        {number(count.waiting)}
                      </button>
                    ) : (
                      number(0)
                    )}
                  </td>
                  <td className="num">{number(count?.left ?? 0)}</td>
                  <td>
                    <span className="flow-row">
                      {Object.entries(count?.outcomes ?? {})
                        .filter(([, n]) => n > 0)
                        .map(([name, n]) => (
                          <button key={name} type="button" className="ui-plain flow-link" onClick={() => onPeople(node.id, name)}>
                            {outcomeName(name, node, names)} {number(n)}
                          </button>
                        ))}
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}
