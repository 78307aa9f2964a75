import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { journeysApi, type Graph, type JourneyRow, type JourneyTemplate } from "@/api/journeys";
import { keys } from "@/api/keys";
import { usePermission } from "@/features/session/me";
import { ago, full, number } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { i18n } from "@/i18n";
import { Button, EmptyState, ErrorState, FormProblem, JourneysIcon, Modal, Page, PlusIcon, Skeleton, Tag, useNow } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { inOrder } from "./graph";
import { KindIcon } from "./KindIcon";
import { useJourneys, useTemplates } from "./queries";
import { stateTone } from "./state";
import { toneOf } from "./words";
import "@/features/teammates/teammates.css";
import "./journeys.css";

const chinese = (): boolean => i18n.language === "zh-CN";
const nameOf = (template: JourneyTemplate): string => (chinese() ? template.name_zh : template.name_en);

function emptyGraph(): Graph {
  return { trigger: { kind: "event", event: "" }, entry: { policy: "once" }, start: "", nodes: [] };
}

/** The kinds of a template's steps in order, as a row of icons. */
function Shape({ graph }: { graph: Graph }) {
  return (
    <span className="flow-shape" aria-hidden="true">
      {inOrder(graph).map((node) => (
        <span key={node.id} className="flow-icon" data-tone={toneOf(node.kind)}>
          <KindIcon kind={node.kind} />
        </span>
      ))}
    </span>
  );
}

/** Begins a journey: from nothing, or from one that others have found good. */
function Gallery({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const templates = useTemplates(true);
  const create = useMutation({
    mutationFn: (body: { name: string; graph: Graph }) => journeysApi.create(body),
    onSuccess: (journey) => {
      cache.setQueryData(keys.journey(journey.id), journey);
      void cache.invalidateQueries({ queryKey: keys.journeyList });
      void navigate({ to: "/journeys/$journeyId", params: { journeyId: journey.id } });
    },
  });
  const card = (key: string, name: string, description: string, graph: Graph) => (
    <button key={key} type="button" className="flow-template" data-testid={`template-${key}`} disabled={create.isPending} onClick={() => create.mutate({ name: key === "blank" ? t("journeys.untitled") : name, graph })}>
      <strong>{name}</strong>
      <span>{description}</span>
      <Shape graph={graph} />
    </button>
  );
  return (
    <Modal open width={760} footer={null} title={t("journeys.create")} onCancel={onClose}>
      <div className="ui-dialog-form">
        <FormProblem error={create.error} />
        <div className="flow-gallery" data-testid="journey-gallery">
          {card("blank", t("journeys.blank"), t("journeys.blankHelp"), emptyGraph())}
          {(templates.data?.items ?? []).map((x) => card(x.key, nameOf(x), chinese() ? x.description_zh : x.description_en, chinese() ? x.graph_zh : x.graph))}
        </div>
        {templates.isPending && <Skeleton lines={4} />}
        {templates.isError && <p className="muted">{describe(templates.error)}</p>}
      </div>
    </Modal>
  );
}

function useColumns(): Columns<JourneyRow> {
  const { t } = useTranslation();
  const now = useNow();
  const figure = (value: number) => <span className="num">{number(value)}</span>;
  return [
    {
      key: "name",
      title: t("journeys.name"),
      render: (_, j) => (
        <Link to="/journeys/$journeyId" params={{ journeyId: j.id }} data-testid="journey-row" data-journey-id={j.id} onClick={(event) => event.stopPropagation()}>
          {j.name}
        </Link>
      ),
    },
    {
      key: "state",
      title: t("journeys.stateTitle"),
      render: (_, j) => (
        <>
          <Tag tone={stateTone[j.state]}>{t(`journeys.state.${j.state}`)}</Tag>
          {j.version !== null && <span className="journey-version"> {t("journeys.versionNumber", { number: j.version })}</span>}
        </>
      ),
    },
    { key: "entered", title: t("journeys.entered"), align: "right", render: (_, j) => figure(j.entered) },
    { key: "active", responsive: ["md"], title: t("journeys.active"), align: "right", render: (_, j) => figure(j.active) },
    { key: "goals", responsive: ["md"], title: t("journeys.goals"), align: "right", render: (_, j) => figure(j.goals) },
    { key: "updated", title: t("journeys.updated"), responsive: ["md"], render: (_, j) => <time title={full(j.updated_at)}>{ago(j.updated_at, now)}</time> },
  ];
}

/** Every journey, with how it fares. */
export function JourneysPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayManage = usePermission("journeys.manage");
  const [choosing, setChoosing] = useState(false);
  const query = useJourneys();
  const columns = useColumns();
  const rows = query.data?.items ?? [];
  const create = mayManage && (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-journey" onClick={() => setChoosing(true)}>
      {t("journeys.create")}
    </Button>
  );
  return (
    <Page title={t("journeys.title")} lead={t("journeys.lead")} actions={rows.length > 0 && create}>
      {query.isPending ? (
        <Skeleton />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState icon={<JourneysIcon />} title={t("journeys.emptyTitle")} actions={create}>
          {t("journeys.emptyBody")}
        </EmptyState>
      ) : (
        <DataTable rows={rows} columns={columns} label={t("journeys.title")} onOpen={(j) => void navigate({ to: "/journeys/$journeyId", params: { journeyId: j.id } })} />
      )}
      {choosing && <Gallery onClose={() => setChoosing(false)} />}
    </Page>
  );
}
