import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button, PauseIcon, PlayIcon } from "@/ui";

/** How often a live list asks for what is new. */
export const LIVE_EVERY = 2_000;

/** Whether a live list stands still for reading, and the button for it. */
export function usePaused(): { paused: boolean; button: ReactNode } {
  const { t } = useTranslation();
  const [paused, setPaused] = useState(false);
  const button = (
    <Button icon={paused ? <PlayIcon /> : <PauseIcon />} aria-pressed={paused} data-testid="live-pause" onClick={() => setPaused(!paused)}>
      {t(paused ? "events.resume" : "events.pause")}
    </Button>
  );
  return { paused, button };
}
