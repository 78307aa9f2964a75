import { useTranslation } from "react-i18next";
import { DurationInput } from "@/features/segments";
import { Field, Input, Segmented } from "@/ui";
import { EventField, WeekdaysField, ZoneField } from "./fields";
import type { FormProps } from "./form";

interface LengthProps {
  label: string;
  value: string | undefined;
  error: string | undefined;
  help?: string;
  readOnly: boolean;
  onChange: (length: string) => void;
}

/** A length of time with its label. */
export function LengthField({ label, value, error, help, readOnly, onChange }: LengthProps) {
  return (
    <div className="ui-field">
      <span className="ui-label">{label}</span>
      <DurationInput value={value} onChange={onChange} label={label} disabled={readOnly} invalid={error !== undefined} />
      {(error || help) && <span className={error ? "ui-error" : "ui-help"}>{error ?? help}</span>}
    </div>
  );
}

/** Waits for a length of time. */
export function DelayForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  return <LengthField label={t("journeys.delayFor")} help={t("journeys.delayHelp")} value={node.delay?.for} error={problems["delay.for"]} readOnly={readOnly} onChange={(length) => set({ delay: { for: length } }, "delay")} />;
}

/** Waits until a time of day. */
export function UntilForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const until = node.until ?? { at: "09:00" };
  const change = (patch: Partial<typeof until>) => set({ until: { ...until, ...patch } }, "until");
  return (
    <>
      <Field label={t("journeys.untilAt")} error={problems["until.at"]}>
        {(ids) => <Input {...ids} type="time" className="flow-time" disabled={readOnly} data-testid="until-at" value={until.at} onChange={(e) => change({ at: e.target.value })} />}
      </Field>
      <WeekdaysField value={until.weekdays} readOnly={readOnly} onChange={(weekdays) => change({ weekdays })} />
      <ZoneField value={until.zone} none={t("journeys.zonePerson")} error={problems["until.zone"]} readOnly={readOnly} onChange={(zone) => change({ zone })} />
    </>
  );
}

/** Waits for an answer or an event, at most for a length of time. */
export function WaitForm({ node, set, problems, readOnly }: FormProps) {
  const { t } = useTranslation();
  const wait = node.wait ?? { reply: true, for: "3d" };
  return (
    <>
      <Field label={t("journeys.waitFor")} error={problems["wait.reply"]}>
        {({ id }) => (
          <Segmented
            id={id}
            block
            disabled={readOnly}
            data-testid="wait-for"
            aria-label={t("journeys.waitFor")}
            value={wait.reply ? "reply" : "event"}
            onChange={(value) => set({ wait: value === "reply" ? { reply: true, for: wait.for } : { event: wait.event ?? "", where: [], for: wait.for } })}
            options={[
              { value: "reply", label: t("journeys.waitReply") },
              { value: "event", label: t("journeys.waitEvent") },
            ]}
          />
        )}
      </Field>
      {!wait.reply && <EventField label={t("journeys.event")} event={wait.event} where={wait.where} problems={problems} prefix="wait" readOnly={readOnly} onChange={(patch) => set({ wait: { ...wait, ...patch } })} />}
      <LengthField label={t("journeys.waitAtMost")} value={wait.for} error={problems["wait.for"]} readOnly={readOnly} onChange={(length) => set({ wait: { ...wait, for: length } }, "wait")} />
    </>
  );
}
