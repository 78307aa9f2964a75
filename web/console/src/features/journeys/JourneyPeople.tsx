import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { journeysApi, type Enrollment, type EnrollmentState, type Journey } from "@/api/journeys";
import { keys } from "@/api/keys";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { CustomerPicker, type PickedCustomer } from "@/features/customers/CustomerPicker";
import { customerName } from "@/features/customers/name";
import { ago, full, soon } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Alert, Button, CustomersIcon, EmptyState, ErrorState, Field, Modal, More, Select, Skeleton, Tag, useNow } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { inOrder, nodeOf } from "./graph";
import { outcomeName } from "./numbers";
import { useEnrollment, useEnrollments, type PeopleFilter } from "./queries";
import { endText, reasonText } from "./reasons";
import { Steps } from "./Steps";
import { titleOf, type Names } from "./words";

const states: EnrollmentState[] = ["active", "completed", "goal", "exited", "failed"];
const tones: Record<EnrollmentState, "ok" | "warn" | "danger" | "accent" | undefined> = { active: "accent", completed: "ok", goal: "ok", exited: undefined, failed: "danger" };

/** The graph that a version of somebody had: the live one is the best that is known. */
const graphOf = (journey: Journey) => journey.live ?? journey.draft;

function Details({ journey, enrollment, names, onClose }: { journey: Journey; enrollment: Enrollment; names: Names; onClose: () => void }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = useEnrollment(journey.id, enrollment.id);
  const held = query.data ?? enrollment;
  return (
    <Modal open width={640} footer={null} onCancel={onClose} title={customerName(enrollment.customer)}>
      <div className="ui-dialog-form" data-testid="enrollment-steps">
        <p>
          <Tag tone={tones[held.state]}>{t(`journeys.enrollment.${held.state}`)}</Tag> {t("journeys.enteredAt", { time: full(held.started_at) })} · {t("journeys.versionNumber", { number: held.version })}
          {held.holdout && <> · {t("journeys.holdout")}</>}
        </p>
        {held.end_reason && <p className="flow-help">{endText(held.end_reason)}</p>}
        {query.isPending ? <Skeleton lines={4} /> : query.isLoadingError ? <ErrorState error={query.error} onRetry={() => void query.refetch()} /> : <Steps steps={query.data.steps ?? []} graph={graphOf(journey)} names={names} now={now} />}
        {held.state === "active" && held.wake_at && <Alert tone="info">{t("journeys.goesOnAt", { time: full(held.wake_at) })}</Alert>}
        <Link to="/customers/$customerId" params={{ customerId: enrollment.customer.id }}>
          {t("panel.profile")}
        </Link>
      </div>
    </Modal>
  );
}

/** Why somebody did or did not enter. */
function Why({ journey }: { journey: Journey }) {
  const { t } = useTranslation();
  const [person, setPerson] = useState<PickedCustomer | null>(null);
  const query = useQuery({ queryKey: keys.whyEntered(journey.id, person?.id ?? ""), queryFn: ({ signal }) => journeysApi.why(journey.id, person!.id, signal), enabled: person !== null, retry: false });
  return (
    <section className="flow-why" data-testid="journey-why">
      <Field label={t("journeys.whyTitle")}>{({ id }) => <CustomerPicker id={id} value={person} onChange={setPerson} placeholder={t("journeys.whyPick")} />}</Field>
      {person && query.isPending && <Skeleton lines={2} />}
      {query.isError && <Alert tone="warn">{describe(query.error)}</Alert>}
      {query.data && (
        <ul>
          {(query.data.entered ?? []).map((e) => (
            <li key={e.id}>{t("journeys.whyEntered", { time: full(e.started_at), state: t(`journeys.enrollment.${e.state}`) })}</li>
          ))}
          {(query.data.reasons ?? []).map((reason, i) => (
            <li key={i} data-code={reason.code}>
              {reasonText(reason)}
            </li>
          ))}
          {(query.data.reasons ?? []).length === 0 && (query.data.entered ?? []).length === 0 && <li>{t("journeys.couldEnter")}</li>}
        </ul>
      )}
    </section>
  );
}

function useColumns(journey: Journey): Columns<Enrollment> {
  const { t } = useTranslation();
  const now = useNow();
  const graph = graphOf(journey);
  const at = (e: Enrollment) => {
    const node = nodeOf(graph, e.node);
    return node ? titleOf(node) : e.node ? t("journeys.stepRemoved") : "";
  };
  return [
    {
      key: "who",
      title: t("journeys.person"),
      render: (_, e) => (
        <span className="person">
          <CustomerAvatar customer={e.customer} size={24} />
          {/* A click anywhere opens the row; this is where the keyboard does. */}
          <button type="button" className="ui-plain">
            {customerName(e.customer)}
          </button>
          {e.holdout && <Tag>{t("journeys.holdout")}</Tag>}
        </span>
      ),
    },
    { key: "state", title: t("journeys.stateTitle"), render: (_, e) => <Tag tone={tones[e.state]}>{t(`journeys.enrollment.${e.state}`)}</Tag> },
    { key: "node", title: t("journeys.standsAt"), render: (_, e) => (e.state === "active" ? at(e) : endText(e.end_reason)) },
    { key: "wake", title: t("journeys.next"), responsive: ["md"], render: (_, e) => (e.state === "active" && e.wake_at ? <time title={full(e.wake_at)}>{soon(e.wake_at, now)}</time> : "") },
    { key: "started", title: t("journeys.enteredTitle"), responsive: ["md"], render: (_, e) => <time title={full(e.started_at)}>{ago(e.started_at, now)}</time> },
    { key: "version", title: t("journeys.version"), responsive: ["lg"], align: "right", render: (_, e) => <span className="num">{e.version}</span> },
  ];
}

interface Props {
  journey: Journey;
  names: Names;
  filter: PeopleFilter;
  onFilter: (filter: PeopleFilter) => void;
}

/** Everybody who is or was in a journey, with every step of each, and why somebody is not. */
export function JourneyPeople({ journey, names, filter, onFilter }: Props) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Enrollment | null>(null);
  const query = useEnrollments(journey.id, filter);
  const columns = useColumns(journey);
  const rows = query.data?.pages.flatMap((p) => p.items) ?? [];
  const nodes = inOrder(graphOf(journey));
  const filtered = Boolean(filter.state || filter.node);
  return (
    <div className="flow-page stack">
      <Why journey={journey} />
      <div className="flow-row">
        <Select aria-label={t("journeys.stateTitle")} data-testid="people-state" popupMatchSelectWidth={false} value={filter.state ?? ""} onChange={(state) => onFilter({ ...filter, state })} options={[{ value: "", label: t("journeys.anyState") }, ...states.map((value) => ({ value, label: t(`journeys.enrollment.${value}`) }))]} />
        <Select aria-label={t("journeys.standsAt")} data-testid="people-node" popupMatchSelectWidth={false} value={filter.node ?? ""} onChange={(node) => onFilter({ ...(filter.state ? { state: filter.state } : {}), ...(node ? { node } : {}) })} options={[{ value: "", label: t("journeys.anyStep") }, ...nodes.map((n) => ({ value: n.id, label: titleOf(n) }))]} />
        {filter.outcome && <Tag>{outcomeName(filter.outcome, nodes.find((n) => n.id === filter.node), names)}</Tag>}
        {filtered && (
          <Button type="link" onClick={() => onFilter({})}>
            {t("journeys.everybody")}
          </Button>
        )}
      </div>
      {query.isPending ? (
        <Skeleton lines={6} />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState icon={<CustomersIcon />} title={t(filtered ? "journeys.nobodyHere" : "journeys.nobodyYet")}>
          {t(journey.version === null ? "journeys.nobodyDraft" : "journeys.nobodyBody")}
        </EmptyState>
      ) : (
        <DataTable rows={rows} columns={columns} label={t("journeys.people")} onOpen={setOpen} />
      )}
      <More of={query} />
      {open && <Details journey={journey} enrollment={open} names={names} onClose={() => setOpen(null)} />}
    </div>
  );
}
