import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { journeysApi, type Graph, type TestMove, type TestRun } from "@/api/journeys";
import { CustomerPicker, type PickedCustomer } from "@/features/customers/CustomerPicker";
import { eventName } from "@/features/customers/events";
import { DurationInput, durationText, PickName, useEventNames } from "@/features/segments";
import { i18n } from "@/i18n";
import { full } from "@/i18n/format";
import { serverNow } from "@/api/clock";
import { Alert, Button, CloseIcon, Field, FormProblem, IconButton, Skeleton, UndoStepIcon } from "@/ui";
import { nodeOf } from "./graph";
import { endText, reasonText } from "./reasons";
import { Steps } from "./Steps";
import { titleOf, type Names } from "./words";

const skips = ["1h", "1d", "7d"];

function moveText(move: TestMove): string {
  if ("advance" in move) return i18n.t("journeys.testPassed", { length: durationText(move.advance) });
  if ("event" in move) return i18n.t("journeys.testDid", { event: eventName(move.event.name) });
  return i18n.t("journeys.testReplied");
}

/** Where the person stands at the end of what was played, and whether they would have entered at all. */
function Standing({ run, graph }: { run: TestRun; graph: Graph }) {
  const { t } = useTranslation();
  const node = run.waiting ? nodeOf(graph, run.waiting.node) : undefined;
  return (
    <>
      <div data-testid="test-standing" data-node-id={run.waiting?.node} data-ended={run.ended?.reason}>
        <Alert tone="info">{run.waiting ? t("journeys.testWaitsUntil", { step: node ? titleOf(node) : run.waiting.node, time: full(run.waiting.until) }) : run.ended ? endText(run.ended.reason) : t("journeys.testEnded")}</Alert>
      </div>
      <p className="flow-help">{t("journeys.testClock", { time: full(run.at) })}</p>
      {(run.objections ?? []).length > 0 && (
        <Alert tone="warn">
          {t("journeys.testObjections")} {run.objections.map(reasonText).join(" ")}
        </Alert>
      )}
    </>
  );
}

interface Props {
  journeyId: string;
  graph: Graph;
  names: Names;
  onClose: () => void;
}

/** Plays the draft with one person and a clock of its own; nothing is sent and nothing is written. */
export function TestPanel({ journeyId, graph, names, onClose }: Props) {
  const { t } = useTranslation();
  const events = useEventNames();
  const [person, setPerson] = useState<PickedCustomer | null>(null);
  const [moves, setMoves] = useState<TestMove[]>([]);
  const [length, setLength] = useState("1d");
  const [event, setEvent] = useState("");
  const run = useMutation({ mutationFn: (next: { person: PickedCustomer; moves: TestMove[] }) => journeysApi.test(journeyId, { customer_id: next.person.id, graph, moves: next.moves }) });
  const play = (next: TestMove[], who = person) => {
    setMoves(next);
    if (who) run.mutate({ person: who, moves: next });
  };
  const can = person !== null && !run.isPending;
  return (
    <aside className="flow-drawer" data-testid="journey-test" aria-label={t("journeys.test")}>
      <header>
        <h2>{t("journeys.test")}</h2>
        <IconButton label={t("journeys.closeTest")} icon={<CloseIcon />} data-testid="test-close" onClick={onClose} />
      </header>
      <div className="flow-form">
        <p className="flow-help">{t("journeys.testHelp")}</p>
        <Field label={t("journeys.testPerson")}>
          {({ id }) => (
            <CustomerPicker
              id={id}
              value={person}
              onChange={(picked) => {
                setPerson(picked);
                run.reset();
                play([], picked);
              }}
            />
          )}
        </Field>
        {person && (
          <div className="flow-moves" role="group" aria-label={t("journeys.testMoves")}>
            <span className="ui-label">{t("journeys.testTime")}</span>
            <span className="flow-row">
              {skips.map((skip) => (
                <Button key={skip} size="small" disabled={!can} data-testid={`test-${skip}`} onClick={() => play([...moves, { advance: skip }])}>
                  + {durationText(skip)}
                </Button>
              ))}
            </span>
            <span className="flow-row">
              <DurationInput label={t("journeys.testTime")} value={length} onChange={setLength} />
              <Button size="small" disabled={!can} data-testid="test-advance" onClick={() => play([...moves, { advance: length }])}>
                {t("journeys.testAdvance")}
              </Button>
            </span>
            <span className="ui-label">{t("journeys.testHappens")}</span>
            <span className="flow-row">
              <Button size="small" disabled={!can} data-testid="test-reply" onClick={() => play([...moves, { reply: true }])}>
                {t("journeys.testReply")}
              </Button>
              <PickName label={t("journeys.event")} placeholder={t("rule.eventHint")} testid="test-event" value={event} onChange={setEvent} options={events.map((n) => ({ value: n.name, label: eventName(n.name) }))} />
              <Button size="small" disabled={!can || event === ""} data-testid="test-do" onClick={() => play([...moves, { event: { name: event, properties: {} } }])}>
                {t("journeys.testDo")}
              </Button>
            </span>
          </div>
        )}
        {moves.length > 0 && (
          <p className="flow-played" data-testid="test-moves">
            {moves.map(moveText).join(" → ")}
            <IconButton size="small" label={t("journeys.testBack")} icon={<UndoStepIcon />} disabled={!can} onClick={() => play(moves.slice(0, -1))} />
          </p>
        )}
        <FormProblem error={run.error} />
        {run.isPending && !run.data && <Skeleton lines={4} />}
        {run.data && (
          <>
            <Steps steps={run.data.steps ?? []} graph={graph} names={names} now={serverNow()} />
            <Standing run={run.data} graph={graph} />
          </>
        )}
      </div>
    </aside>
  );
}
