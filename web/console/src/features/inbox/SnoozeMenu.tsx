import { lazy, Suspense, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { soon } from "@/i18n/format";
import { Dropdown, Field, Modal, Spin } from "@/ui";

const DateTimeInput = lazy(() => import("@/ui/date-time"));

export type SnoozePreset = "in1h" | "in3h" | "tomorrow" | "nextWeek";

/** The instant a preset means, in the viewer's zone; mornings are at nine. */
export function snoozeUntil(preset: SnoozePreset, now: Date): Date {
  if (preset === "in1h" || preset === "in3h") return new Date(now.getTime() + (preset === "in1h" ? 1 : 3) * 3_600_000);
  const morning = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 9);
  if (preset === "nextWeek") {
    while (morning.getDay() !== 1) morning.setDate(morning.getDate() + 1);
  }
  return morning;
}

const presets: SnoozePreset[] = ["in1h", "in3h", "tomorrow", "nextWeek"];

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onSnooze: (until: Date) => void;
  children: ReactNode;
}

/** Puts the conversation away until a time: presets, or one's own. */
export function SnoozeMenu({ open, onOpenChange, onSnooze, children }: Props) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [chosen, setChosen] = useState<Date | null>(null);
  const [tooEarly, setTooEarly] = useState(false);
  const now = new Date();
  const confirm = () => {
    if (!chosen || chosen.getTime() <= Date.now()) {
      setTooEarly(true);
      return;
    }
    setAsking(false);
    onSnooze(chosen);
  };
  return (
    <>
      <Dropdown
        trigger={["click"]}
        placement="bottomRight"
        open={open}
        onOpenChange={onOpenChange}
        autoFocus
        menu={{
          items: [
            ...presets.map((preset) => ({
              key: preset,
              label: t(`actions.${preset}`),
              extra: soon(snoozeUntil(preset, now).toISOString(), now.getTime()),
            })),
            { type: "divider" as const },
            { key: "custom", label: t("actions.custom") },
          ],
          onClick: ({ key }) => {
            onOpenChange(false);
            if (key === "custom") {
              setChosen(null);
              setTooEarly(false);
              setAsking(true);
            } else {
              onSnooze(snoozeUntil(key as SnoozePreset, new Date()));
            }
          },
        }}
      >
        {children}
      </Dropdown>
      {asking && (
        <Modal open title={t("actions.snoozeTitle")} okText={t("actions.snooze")} cancelText={t("common.cancel")} onOk={confirm} onCancel={() => setAsking(false)} width={380}>
          <Suspense fallback={<Spin />}>
            <Field label={t("actions.custom")} error={tooEarly ? t("actions.snoozePast") : undefined}>
              {({ id, status }) => (
                <DateTimeInput
                  id={id}
                  {...(status ? { status } : {})}
                  value={chosen}
                  from={now}
                  onChange={(next) => {
                    setChosen(next);
                    setTooEarly(false);
                  }}
                />
              )}
            </Field>
          </Suspense>
        </Modal>
      )}
    </>
  );
}
