import { useState } from "react";
import { useTranslation } from "react-i18next";
import { codeOf, describe } from "@/i18n/problem";
import { Button, ResolveIcon, toastError, WarningIcon } from "@/ui";
import type { DraftHandle } from "./useDraft";

/** Whether the draft is safe: saved, being saved, or why not. */
export function SaveMark({ handle }: { handle: DraftHandle }) {
  const { t } = useTranslation();
  const { state, error } = handle;
  return (
    <span className="flow-saved" data-testid="draft-state" data-state={state} role="status">
      {state === "saved" && (
        <>
          <ResolveIcon /> {t("journeys.saved")}
        </>
      )}
      {(state === "waiting" || state === "saving") && t("journeys.saving")}
      {state === "failed" && (
        <span title={`${describe(error)} (${codeOf(error)})`}>
          <WarningIcon /> {t("journeys.notSaved")}{" "}
          <Button type="link" size="small" onClick={() => void handle.flush()}>
            {t("common.retry")}
          </Button>
        </span>
      )}
      {state === "conflict" && (
        <>
          <WarningIcon /> {t("journeys.conflict")}
        </>
      )}
    </span>
  );
}

/** Says that somebody else has changed the draft, and lets one choose. */
export function ConflictBar({ handle }: { handle: DraftHandle }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  if (handle.state !== "conflict") return null;
  const settle = async (which: "theirs" | "mine") => {
    setBusy(true);
    try {
      await handle.settle(which);
    } catch (error) {
      toastError(describe(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="flow-bar" role="alert" data-testid="draft-conflict">
      <span>{t("journeys.conflictBody")}</span>
      <Button size="small" disabled={busy} onClick={() => void settle("theirs")}>
        {t("journeys.takeTheirs")}
      </Button>
      <Button size="small" danger disabled={busy} onClick={() => void settle("mine")}>
        {t("journeys.takeMine")}
      </Button>
    </div>
  );
}
