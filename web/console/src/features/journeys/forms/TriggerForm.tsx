import { useTranslation } from "react-i18next";
import type { EntryPolicy, Goal, Graph, Trigger, TriggerKind } from "@/api/journeys";
import { useSegments } from "@/features/segments";
import { Button, CloseIcon, Field, Input, InputNumber, PlusIcon, Segmented, Select, Toggle, Switch } from "@/ui";
import { parseSchedule, writeSchedule, type Schedule } from "../schedule";
import { EventField, RuleField, StagesField, WeekdaysField, ZoneField } from "./fields";
import { below } from "./form";
import { LengthField } from "./TimingForms";

export interface GraphFormProps {
  graph: Graph;
  set: (patch: Partial<Graph>, mark?: string) => void;
  problems: Record<string, string>;
  readOnly: boolean;
}

const kinds: TriggerKind[] = ["event", "segment_entered", "segment_left", "stage_changed", "schedule"];

/** A trigger of another kind; nothing of the old one fits. */
function fresh(kind: TriggerKind): Trigger {
  switch (kind) {
    case "event":
      return { kind, event: "", where: [] };
    case "segment_entered":
    case "segment_left":
      return { kind, segment: "" };
    case "stage_changed":
      return { kind, from: [], to: [] };
    case "schedule":
      return { kind, cron: "0 9 * * *", zone: "", audience: { kind: "all", of: [] } };
  }
}

/** A schedule without knowing cron, or with it. */
function ScheduleForm({ graph, set, problems, readOnly }: GraphFormProps) {
  const { t } = useTranslation();
  const { trigger } = graph;
  const change = (patch: Partial<Trigger>, mark?: string) => set({ trigger: { ...trigger, ...patch } }, mark);
  const schedule = parseSchedule(trigger.cron ?? "");
  const write = (next: Schedule) => change({ cron: writeSchedule(next) }, "cron");
  const time = schedule.kind === "cron" ? "09:00" : schedule.time;
  const choose = (kind: Schedule["kind"]) => write(kind === "daily" ? { kind, time, weekdays: [] } : kind === "monthly" ? { kind, time, day: 1 } : { kind, cron: `${trigger.cron ?? ""}`.trim().replace(/ \*$/, " *  ").trimEnd() });
  const custom = schedule.kind === "cron";
  return (
    <>
      <Field label={t("journeys.schedule")} error={problems["trigger.cron"]}>
        {({ id }) => <Segmented id={id} block disabled={readOnly} aria-label={t("journeys.schedule")} data-testid="schedule-kind" value={schedule.kind} onChange={choose} options={(["daily", "monthly", ...(custom ? (["cron"] as const) : [])] as const).map((value) => ({ value, label: t(`journeys.scheduleKind.${value}`) }))} />}
      </Field>
      {schedule.kind !== "cron" && (
        <Field label={t("journeys.scheduleTime")}>{(ids) => <Input {...ids} type="time" className="flow-time" disabled={readOnly} data-testid="schedule-time" value={schedule.time} onChange={(e) => e.target.value && write({ ...schedule, time: e.target.value })} />}</Field>
      )}
      {schedule.kind === "daily" && <WeekdaysField value={schedule.weekdays} readOnly={readOnly} onChange={(weekdays) => write({ ...schedule, weekdays })} />}
      {schedule.kind === "monthly" && <Field label={t("journeys.scheduleDay")}>{({ id }) => <InputNumber id={id} min={1} max={31} precision={0} disabled={readOnly} value={schedule.day} onChange={(day) => day && write({ ...schedule, day })} />}</Field>}
      <Field label={t("journeys.cron")} help={t("journeys.cronHelp")}>
        {(ids) => <Input {...ids} className="mono" disabled={readOnly} data-testid="schedule-cron" value={trigger.cron ?? ""} onChange={(e) => change({ cron: e.target.value }, "cron")} />}
      </Field>
      <ZoneField value={trigger.zone} none={t("journeys.zoneHere")} error={problems["trigger.zone"]} readOnly={readOnly} onChange={(zone) => change({ zone })} />
      <RuleField label={t("journeys.audience")} help={t("journeys.audienceHelp")} value={trigger.audience} problems={problems} prefix="trigger.audience" readOnly={readOnly} onChange={(audience) => change({ audience })} />
    </>
  );
}

function TriggerFields({ graph, set, problems, readOnly }: GraphFormProps) {
  const { t } = useTranslation();
  const segments = useSegments();
  const { trigger } = graph;
  const change = (patch: Partial<Trigger>) => set({ trigger: { ...trigger, ...patch } });
  switch (trigger.kind) {
    case "event":
      return <EventField label={t("journeys.event")} event={trigger.event} where={trigger.where} problems={problems} prefix="trigger" readOnly={readOnly} onChange={change} />;
    case "segment_entered":
    case "segment_left":
      return (
        <Field label={t("journeys.segment")} error={problems["trigger.segment"]} help={segments.length === 0 ? t("journeys.noSegments") : undefined}>
          {({ id, status }) => <Select id={id} status={status ?? ""} disabled={readOnly} data-testid="trigger-segment" placeholder={t("journeys.segmentHint")} value={trigger.segment || null} onChange={(segment: string) => change({ segment })} options={segments.map((s) => ({ value: s.id, label: s.name }))} showSearch={{ optionFilterProp: "label" }} />}
        </Field>
      );
    case "stage_changed":
      return (
        <>
          <StagesField label={t("journeys.stageFrom")} value={trigger.from} error={below(problems, "trigger.from")} readOnly={readOnly} onChange={(from) => change({ from })} />
          <StagesField label={t("journeys.stageInto")} value={trigger.to} error={below(problems, "trigger.to")} readOnly={readOnly} onChange={(to) => change({ to })} />
        </>
      );
    case "schedule":
      return <ScheduleForm graph={graph} set={set} problems={problems} readOnly={readOnly} />;
  }
}

const policies: EntryPolicy[] = ["once", "after_exit", "cooldown"];

function EntryFields({ graph, set, problems, readOnly }: GraphFormProps) {
  const { t } = useTranslation();
  const { entry } = graph;
  const change = (patch: Partial<Graph["entry"]>, mark?: string) => set({ entry: { ...entry, ...patch } }, mark);
  return (
    <>
      <Field label={t("journeys.policy")} error={problems["entry.policy"]}>
        {({ id }) => <Select id={id} disabled={readOnly} data-testid="entry-policy" value={entry.policy} onChange={(policy: EntryPolicy) => set({ entry: { ...entry, policy, cooldown: policy === "cooldown" ? entry.cooldown || "30d" : "" } })} options={policies.map((value) => ({ value, label: t(`journeys.policies.${value}`) }))} />}
      </Field>
      {entry.policy === "cooldown" && <LengthField label={t("journeys.cooldown")} value={entry.cooldown} error={problems["entry.cooldown"]} readOnly={readOnly} onChange={(cooldown) => change({ cooldown }, "cooldown")} />}
      {graph.trigger.kind === "event" && <LengthField label={t("journeys.lateness")} help={t("journeys.latenessHelp")} value={entry.max_lateness || "72h"} error={problems["entry.max_lateness"]} readOnly={readOnly} onChange={(max_lateness) => change({ max_lateness }, "lateness")} />}
      <RuleField
        label={t("journeys.entryRule")}
        help={t("journeys.entryRuleHelp")}
        value={entry.rule}
        problems={problems}
        prefix="entry.rule"
        readOnly={readOnly}
        onChange={(rule) => change({ rule })}
        onRemove={() => {
          const { rule: _, ...rest } = entry;
          set({ entry: rest });
        }}
      />
    </>
  );
}

function GoalFields({ graph, set, problems, readOnly }: GraphFormProps) {
  const { t } = useTranslation();
  const { goal } = graph;
  if (!goal) {
    return readOnly ? (
      <p className="flow-help">{t("journeys.noGoal")}</p>
    ) : (
      <>
        <p className="flow-help">{t("journeys.goalHelp")}</p>
        <Button size="small" icon={<PlusIcon />} data-testid="goal-add" onClick={() => set({ goal: { event: "", within: "30d" } })}>
          {t("journeys.goalAdd")}
        </Button>
      </>
    );
  }
  const change = (patch: Partial<Goal>, mark?: string) => set({ goal: { ...goal, ...patch } }, mark);
  return (
    <>
      <EventField label={t("journeys.event")} event={goal.event} where={goal.where} problems={problems} prefix="goal" readOnly={readOnly} onChange={change} />
      <LengthField label={t("journeys.goalWithin")} value={goal.within || "30d"} error={problems["goal.within"]} readOnly={readOnly} onChange={(within) => change({ within }, "within")} />
      <Toggle label={t("journeys.goalExit")}>{({ id }) => <Switch id={id} disabled={readOnly} checked={goal.exit ?? false} onChange={(exit) => change({ exit })} />}</Toggle>
      {!readOnly && (
        <Button size="small" type="text" icon={<CloseIcon />} style={{ justifySelf: "start" }} onClick={() => set({ goal: undefined } as Partial<Graph>)}>
          {t("journeys.goalRemove")}
        </Button>
      )}
    </>
  );
}

/** What belongs to the journey itself: what starts it, whom it takes, when one leaves it, what it is for. */
export function TriggerForm(props: GraphFormProps) {
  const { t } = useTranslation();
  const { graph, set, problems, readOnly } = props;
  return (
    <>
      <section>
        <h3>{t("journeys.starts")}</h3>
        <Field label={t("journeys.triggerKind")} error={problems["trigger.kind"]}>
          {({ id }) => <Select id={id} disabled={readOnly} data-testid="trigger-kind" value={graph.trigger.kind} onChange={(kind: TriggerKind) => set({ trigger: fresh(kind) })} options={kinds.map((value) => ({ value, label: t(`journeys.triggers.${value}`) }))} />}
        </Field>
        <TriggerFields {...props} />
      </section>
      <section>
        <h3>{t("journeys.whoEnters")}</h3>
        <EntryFields {...props} />
      </section>
      <section>
        <h3>{t("journeys.exitTitle")}</h3>
        <RuleField label={t("journeys.exitRule")} help={t("journeys.exitRuleHelp")} value={graph.exit} problems={problems} prefix="exit" readOnly={readOnly} onChange={(exit) => set({ exit })} onRemove={() => set({ exit: undefined } as Partial<Graph>)} />
      </section>
      <section>
        <h3>{t("journeys.goalTitle")}</h3>
        <GoalFields {...props} />
      </section>
    </>
  );
}
