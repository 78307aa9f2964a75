import { useBlocker } from "@tanstack/react-router";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useAskDiscard } from "./form-dialog";

interface Props {
  dirty: boolean;
  busy: boolean;
  onSave: () => void;
  onDiscard: () => void;
  saveLabel?: string;
}

/** Appears when something changed; leaving the page with changes asks. */
export function SaveBar({ dirty, busy, onSave, onDiscard, saveLabel }: Props) {
  const { t } = useTranslation();
  const ask = useAskDiscard();
  useBlocker({ shouldBlockFn: async () => dirty && !busy && !(await ask()), enableBeforeUnload: () => dirty });
  if (!dirty) return null;
  return (
    <div className="ui-savebar" data-testid="save-bar">
      <span>{t("common.unsaved")}</span>
      <Button onClick={onDiscard} disabled={busy}>
        {t("common.discard")}
      </Button>
      <Button type="primary" onClick={onSave} loading={busy} data-testid="save">
        {saveLabel ?? t("common.save")}
      </Button>
    </div>
  );
}
