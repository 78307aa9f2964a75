import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Consent, CustomerEvent, Merge, MessageSummary, Outreach } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { reasonOf } from "@/features/inbox/DeliveryMark";
import { useMe } from "@/features/session/me";
import { clock, dayName, full } from "@/i18n/format";
import { useWatch } from "@/realtime/useWatch";
import { Button, ConsentIcon, ErrorState, EventIcon, MergeIcon, More, NoteIcon, ReopenIcon, Skeleton, StageStepIcon, TaskDoneIcon, TaskOpenIcon, useNow } from "@/ui";
import { taskOutcomes } from "@/api/tasks";
import { stageName, useStages } from "@/features/segments/rules/names";
import { sourceWords } from "./consent-source";
import { eventName } from "./events";
import { mergeWords } from "./merge-words";
import { customerName } from "./name";
import { groupTimeline, type Entry } from "./timeline";
import "./customers.css";

function Row({ icon, at, children }: { icon: ReactNode; at: string; children: ReactNode }) {
  return (
    <li className="timeline-row">
      <span className="timeline-icon">{icon}</span>
      <div className="timeline-what">{children}</div>
      <time dateTime={at} title={full(at)}>
        {clock(at)}
      </time>
    </li>
  );
}

function MessageLine({ message, customer }: { message: MessageSummary; customer: string }) {
  const { t } = useTranslation();
  const me = useMe();
  const author = message.author.kind === "teammate" && message.author.id === me.id ? t("inbox.you") : (message.author.name ?? (message.author.kind === "customer" ? customer : "Fanward"));
  return (
    <p className="timeline-said" data-direction={message.direction}>
      {message.kind === "note" && <NoteIcon />} {t("inbox.previewBy", { name: author })}
      {message.preview || t("notify.files")}
    </p>
  );
}

const SHOWN = 2;

function Messages({ messages, customer, current }: { messages: MessageSummary[]; customer: string; current: string | undefined }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const newest = messages[0]!;
  const shown = all ? messages : messages.slice(0, SHOWN);
  const title = t("timeline.conversation", { channel: channelName(newest.channel), number: newest.number });
  return (
    <Row icon={<ChannelIcon channel={newest.channel} silent />} at={newest.at}>
      {newest.conversation_id === current ? (
        <span className="timeline-here">{t("timeline.here", { channel: channelName(newest.channel) })}</span>
      ) : (
        <Link to="/inbox/$conversationId" params={{ conversationId: newest.conversation_id }} search={{ view: "all", status: "all" }}>
          {title}
        </Link>
      )}
      {shown.map((message) => (
        <MessageLine key={message.id} message={message} customer={customer} />
      ))}
      {messages.length > SHOWN && (
        <Button type="link" size="small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t("timeline.fewer") : t("timeline.more", { count: messages.length - SHOWN })}
        </Button>
      )}
    </Row>
  );
}

function EventRow({ event }: { event: CustomerEvent }) {
  const channel = typeof event.properties.channel === "string" ? event.properties.channel : null;
  const empty = Object.keys(event.properties).length === 0;
  return (
    <Row icon={channel ? <ChannelIcon channel={channel} silent /> : <EventIcon />} at={event.at}>
      {empty ? (
        eventName(event.name)
      ) : (
        <details>
          <summary>{eventName(event.name)}</summary>
          <pre tabIndex={0}>{JSON.stringify(event.properties, null, 2)}</pre>
        </details>
      )}
    </Row>
  );
}

/** What a journey sent, and what became of it. */
function OutreachRow({ outreach }: { outreach: Outreach }) {
  const { t } = useTranslation();
  const { delivery, held_until: held } = outreach;
  const trouble = delivery.state === "failed" || delivery.state === "unknown";
  const state = held ? t("timeline.held", { at: full(held) }) : t(`delivery.${delivery.state === "failed" ? "failedPlain" : delivery.state}`);
  return (
    <Row icon={<ChannelIcon channel={outreach.channel} silent />} at={outreach.at}>
      <span data-testid="timeline-outreach">{t("timeline.outreach", { name: outreach.source.journey_name })}</span>
      <p className="timeline-said" data-direction="out">
        {outreach.subject ? `${outreach.subject} · ` : ""}
        {outreach.preview}
      </p>
      <p className="timeline-fate" data-tone={trouble ? "danger" : undefined} title={reasonOf(delivery) ?? undefined} data-state={delivery.state}>
        {outreach.answered ? t("timeline.answered") : state}
        {(trouble || delivery.state === "cancelled" || (delivery.error_code && !held && !outreach.answered)) && reasonOf(delivery) ? ` ${reasonOf(delivery)}` : ""}
      </p>
    </Row>
  );
}

/** Somebody stands at another stage of their life as a customer. */
function StageRow({ event }: { event: CustomerEvent }) {
  const { t } = useTranslation();
  const stages = useStages();
  const name = (key: unknown) => {
    const stage = stages.find((s) => s.key === key);
    return stage ? stageName(stage) : String(key ?? "");
  };
  const { from, to, reason } = event.properties;
  return (
    <Row icon={<StageStepIcon />} at={event.at}>
      <span data-testid="timeline-stage">{from ? t("timeline.stageMoved", { from: name(from), to: name(to) }) : t("timeline.stageFirst", { to: name(to) })}</span>
      {typeof reason === "string" && reason && <p className="timeline-said">{reason}</p>}
    </Row>
  );
}

function TaskRow({ event }: { event: CustomerEvent }) {
  const { t } = useTranslation();
  const done = event.name === "Task Completed";
  const { title, outcome, journey_name: journey } = event.properties;
  const ended = taskOutcomes.find((o) => o === outcome);
  const said = [ended && t(`tasks.outcomes.${ended}`), typeof journey === "string" && journey].filter(Boolean).join(" · ");
  return (
    <Row icon={done ? <TaskDoneIcon /> : <TaskOpenIcon />} at={event.at}>
      <span data-testid="timeline-task">{t(done ? "timeline.taskDone" : "timeline.taskMade", { title: String(title ?? "") })}</span>
      {said && <p className="timeline-said">{said}</p>}
    </Row>
  );
}

function AnyEvent({ event }: { event: CustomerEvent }) {
  if (event.name === "Stage Changed") return <StageRow event={event} />;
  if (event.name === "Task Created" || event.name === "Task Completed") return <TaskRow event={event} />;
  return <EventRow event={event} />;
}

function MergeRow({ merge, undone, at }: { merge: Merge; undone: boolean; at: string }) {
  const { t } = useTranslation();
  const who = (undone ? merge.undone?.actor.name : merge.actor.name) ?? t("activity.somebody");
  return (
    <Row icon={undone ? <ReopenIcon /> : <MergeIcon />} at={at}>
      {undone ? t("timeline.undone", { by: who, name: customerName(merge.absorbed) }) : mergeWords(merge)}
    </Row>
  );
}

function ConsentRow({ consent }: { consent: Consent }) {
  const { t } = useTranslation();
  return (
    <Row icon={<ConsentIcon />} at={consent.at}>
      {t(consent.state === "granted" ? "timeline.granted" : "timeline.withdrawn", { channel: channelName(consent.channel), purpose: t(`consents.${consent.purpose}`) })}
      <p className="timeline-said">{sourceWords(consent)}</p>
    </Row>
  );
}

function EntryRow({ entry, customer, current }: { entry: Entry; customer: string; current: string | undefined }) {
  if (entry.kind === "messages") return <Messages messages={entry.messages} customer={customer} current={current} />;
  const { item } = entry;
  if (item.kind === "event") return <AnyEvent event={item.event} />;
  if (item.kind === "outreach") return <OutreachRow outreach={item.outreach} />;
  if (item.kind === "consent") return <ConsentRow consent={item.consent} />;
  return <MergeRow merge={item.merge} undone={item.kind === "merge_undone"} at={item.at} />;
}

interface Props {
  customer: { id: string; name?: string | null; label: string };
  /** How many things a page holds. */
  page: number;
  /** The conversation it stands beside. */
  current?: string;
}

/** Everything between a customer and the company, on every channel, newest first; it moves by itself. */
export function Timeline({ customer, page, current }: Props) {
  const { t } = useTranslation();
  const now = useNow();
  const { id } = customer;
  const query = useInfiniteQuery({
    queryKey: [...keys.timeline(id), page],
    queryFn: ({ pageParam, signal }) => api.timeline(id, pageParam, page, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    ...useWatch({ of: "customer", customer_id: id }),
  });
  const days = useMemo(() => groupTimeline(query.data?.pages.flatMap((p) => p.items) ?? []), [query.data]);
  if (query.isPending) return <Skeleton lines={5} />;
  if (query.isError && days.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (days.length === 0) return <p className="muted">{t("customers.noEvents")}</p>;
  return (
    <div className="timeline" data-testid="timeline">
      {days.map((day) => (
        <section key={day.key}>
          <h4>{dayName(day.at, now)}</h4>
          <ul>
            {day.entries.map((entry) => (
              <EntryRow key={entry.key} entry={entry} customer={customerName(customer)} current={current} />
            ))}
          </ul>
        </section>
      ))}
      <More of={query} small />
    </div>
  );
}
