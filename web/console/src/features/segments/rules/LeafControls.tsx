import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { channelName, channels } from "@/features/channels/channels";
import { eventName } from "@/features/customers/events";
import { Select } from "@/ui";
import { useEditing } from "./editing";
import { EventControls } from "./EventControls";
import { FilterRows } from "./FilterRows";
import { DurationInput, PickName } from "./fields";
import { Comparison } from "./Comparison";
import { happenedOps, timeOps, typesOf } from "./leaf";
import { stageName, useAttributeNames, useEventNames, useSegments, useStages, useTags } from "./names";
import { Sentence, type ControlsProps } from "./Sentence";
import { attributeName, open, slotted } from "./words";

/** The words before a sentence's first slot, between which one chooses, and the rest. */
function YesOrNo({ templates, not, onNot, slots }: { templates: { is: string; not: string }; not: boolean; onNot: (not: boolean) => void; slots: Record<string, ReactNode> }) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const head = (template: string) => {
    const first = slotted(template)[0];
    return typeof first === "string" ? first.trim() : "";
  };
  const template = not ? templates.not : templates.is;
  const rest = template.slice(template.indexOf("\u0002"));
  return (
    <>
      <Select
        size="small"
        popupMatchSelectWidth={false}
        disabled={readOnly}
        aria-label={t("rule.notLabel")}
        data-testid="rule-not"
        value={not ? "not" : "is"}
        onChange={(choice) => onNot(choice === "not")}
        options={[
          { value: "is", label: head(templates.is) },
          { value: "not", label: head(templates.not) },
        ]}
      />
      <Sentence template={rest} slots={slots} />
    </>
  );
}

function AttributeControls({ leaf, fresh, problems, onChange }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const names = useAttributeNames();
  const held = names.find((n) => n.name === leaf.name);
  const builtIn = ["$name", "$locale", "$timezone", "$created_at", "$last_seen_at"].map((name) => ({ name, types: name.endsWith("_at") ? ["time"] : ["text"], examples: [] as unknown[] }));
  const all = [...names.filter((n) => !n.name.startsWith("$")), ...builtIn];
  const types = typesOf((held ?? builtIn.find((b) => b.name === leaf.name))?.types ?? []);
  const choose = (name: string) => {
    const onlyTime = typesOf(all.find((n) => n.name === name)?.types ?? []).join() === "time";
    onChange(onlyTime && !timeOps.includes(leaf.op ?? "equals") ? { name, op: "within_last", duration: "30d", value: undefined, values: undefined } : { name });
  };
  return (
    <>
      <PickName autoFocus={fresh} disabled={readOnly} invalid={"name" in problems} label={t("rule.kind.attribute")} placeholder={t("rule.attributeHint")} testid="rule-name" value={leaf.name ?? ""} onChange={choose} options={all.map((n) => ({ value: n.name, label: attributeName(n.name) }))} />
      <Comparison held={leaf} types={types} examples={held?.examples ?? []} disabled={readOnly} problems={problems} onChange={onChange} />
    </>
  );
}

function TimeControls({ leaf, fresh, problems, onChange }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const names = useEventNames();
  const which = (
    <Select
      size="small"
      popupMatchSelectWidth={false}
      disabled={readOnly}
      aria-label={t("rule.whichLabel")}
      data-testid="rule-which"
      value={leaf.which ?? "last"}
      onChange={(value) => onChange({ which: value })}
      options={(["first", "last"] as const).map((value) => ({ value, label: t(`rule.${value}`) }))}
    />
  );
  const event = <PickName autoFocus={fresh} disabled={readOnly} invalid={"name" in problems} label={t("rule.kind.event")} placeholder={t("rule.eventHint")} testid="rule-name" value={leaf.name ?? ""} onChange={(name) => onChange({ name })} options={names.map((n) => ({ value: n.name, label: eventName(n.name) }))} />;
  const when = <Comparison held={leaf} types={["time"]} examples={[]} only={happenedOps} disabled={readOnly} problems={problems} onChange={onChange} />;
  return (
    <>
      <div className="rule-line">
        <Sentence template={t("rule.say.time", { which: open("which"), event: open("event"), when: open("when") })} slots={{ which, event, when }} />
      </div>
      <FilterRows lasting filters={leaf.where ?? []} properties={names.find((n) => n.name === leaf.name)?.properties ?? []} problems={problems} readOnly={readOnly} onChange={(where) => onChange({ where: where.length > 0 ? where : undefined })} />
    </>
  );
}

function TagControls({ leaf, not, fresh, problems, onChange, onNot }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const tags = useTags();
  const name = <PickName autoFocus={fresh} disabled={readOnly} invalid={"name" in problems} label={t("rule.kind.tag")} placeholder={t("rule.tagHint")} testid="rule-name" value={leaf.name ?? ""} onChange={(value) => onChange({ name: value })} options={tags.map((tag) => ({ value: tag.name, label: tag.name }))} />;
  return <YesOrNo templates={{ is: t("rule.say.tag.is", { name: open("name") }), not: t("rule.say.tag.not", { name: open("name") }) }} not={not} onNot={onNot} slots={{ name }} />;
}

function StageControls({ leaf, not, fresh, problems, onChange, onNot }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const stages = useStages();
  const values = (
    <Select
      size="small"
      mode="multiple"
      className="rule-many"
      autoFocus={fresh}
      disabled={readOnly}
      status={"values" in problems ? "error" : ""}
      aria-label={t("rule.kind.stage")}
      placeholder={t("rule.stageHint")}
      data-testid="rule-stages"
      popupMatchSelectWidth={false}
      optionFilterProp="label"
      value={(leaf.values ?? []).map(String)}
      onChange={(next) => onChange({ values: next })}
      options={[...stages.map((s) => ({ value: s.key, label: stageName(s) })), { value: "", label: t("stages.none") }]}
    />
  );
  return (
    <>
      <YesOrNo templates={{ is: t("rule.say.stage.is", { values: open("values") }), not: t("rule.say.stage.not", { values: open("values") }) }} not={not} onNot={onNot} slots={{ values }} />
      <Select
        size="small"
        popupMatchSelectWidth={false}
        disabled={readOnly}
        aria-label={t("rule.stageSince")}
        value={leaf.duration ? "for" : "any"}
        onChange={(choice) => onChange({ duration: choice === "for" ? "30d" : undefined })}
        options={[
          { value: "any", label: t("rule.stageAnyTime") },
          { value: "for", label: t("rule.stageForAtLeast") },
        ]}
      />
      {leaf.duration && <DurationInput label={t("rule.durationLabel")} disabled={readOnly} value={leaf.duration} onChange={(duration) => onChange({ duration })} />}
    </>
  );
}

function DormantControls({ leaf, not, onChange, onNot }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const value = <DurationInput label={t("rule.durationLabel")} disabled={readOnly} value={leaf.duration} onChange={(duration) => onChange({ duration })} />;
  return <YesOrNo templates={{ is: t("rule.say.dormant.is", { value: open("value") }), not: t("rule.say.dormant.not", { value: open("value") }) }} not={not} onNot={onNot} slots={{ value }} />;
}

function SegmentControls({ leaf, not, fresh, problems, onChange, onNot }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly, own } = useEditing();
  const segments = useSegments();
  const name = (
    <Select
      size="small"
      showSearch
      className="rule-name"
      autoFocus={fresh}
      disabled={readOnly}
      status={"id" in problems ? "error" : ""}
      aria-label={t("rule.kind.segment")}
      placeholder={t("rule.segmentHint")}
      notFoundContent={t("rule.noSegments")}
      data-testid="rule-segment"
      popupMatchSelectWidth={false}
      optionFilterProp="label"
      {...(leaf.id ? { value: leaf.id } : {})}
      onChange={(id: string) => onChange({ id })}
      options={segments.filter((s) => s.id !== own).map((s) => ({ value: s.id, label: s.name }))}
    />
  );
  return <YesOrNo templates={{ is: t("rule.say.segment.is", { name: open("name") }), not: t("rule.say.segment.not", { name: open("name") }) }} not={not} onNot={onNot} slots={{ name }} />;
}

function ReachableControls({ leaf, not, onChange, onNot }: ControlsProps) {
  const { t } = useTranslation();
  const { readOnly } = useEditing();
  const channel = (
    <Select
      size="small"
      popupMatchSelectWidth={false}
      disabled={readOnly}
      aria-label={t("consents.channel")}
      data-testid="rule-channel"
      value={leaf.channel ?? "any"}
      onChange={(value) => onChange({ channel: value })}
      options={[{ value: "any", label: t("rule.anyChannel") }, ...channels.map((value) => ({ value: value as string, label: channelName(value) }))]}
    />
  );
  const purpose = (
    <Select
      size="small"
      popupMatchSelectWidth={false}
      disabled={readOnly}
      aria-label={t("rule.purposeLabel")}
      value={leaf.purpose ?? "marketing"}
      onChange={(value) => onChange({ purpose: value })}
      options={(["marketing", "transactional"] as const).map((value) => ({ value, label: t(`consents.${value}`) }))}
    />
  );
  const slots = { channel: open("channel"), purpose: open("purpose") };
  return <YesOrNo templates={{ is: t("rule.say.reachable.is", slots), not: t("rule.say.reachable.not", slots) }} not={not} onNot={onNot} slots={{ channel, purpose }} />;
}

/** The controls of a condition, in the order of its sentence. */
export function LeafControls(props: ControlsProps) {
  switch (props.leaf.kind) {
    case "event":
      return <EventControls {...props} />;
    case "attribute":
      return (
        <div className="rule-line">
          <AttributeControls {...props} />
        </div>
      );
    case "time":
      return <TimeControls {...props} />;
    case "tag":
      return (
        <div className="rule-line">
          <TagControls {...props} />
        </div>
      );
    case "stage":
      return (
        <div className="rule-line">
          <StageControls {...props} />
        </div>
      );
    case "dormant":
      return (
        <div className="rule-line">
          <DormantControls {...props} />
        </div>
      );
    case "segment":
      return (
        <div className="rule-line">
          <SegmentControls {...props} />
        </div>
      );
    case "reachable":
      return (
        <div className="rule-line">
          <ReachableControls {...props} />
        </div>
      );
  }
}
