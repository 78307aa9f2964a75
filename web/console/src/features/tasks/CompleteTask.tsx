import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { taskOutcomes, type Task, type TaskOutcome } from "@/api/tasks";
import { Field, Segmented, TextArea } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";
import { useTaskActs } from "./queries";

/** Asks how a task ended. */
export function CompleteTask({ task, onClose }: { task: Task; onClose: () => void }) {
  const { t } = useTranslation();
  const { complete } = useTaskActs();
  const [outcome, setOutcome] = useState<TaskOutcome>("reached");
  const [note, setNote] = useState("");
  const key = useRef(crypto.randomUUID());
  return (
    <FormDialog
      title={t("tasks.completeTitle")}
      submit={t("tasks.complete")}
      busy={complete.isPending}
      dirty={note !== ""}
      width={640}
      onClose={onClose}
      onSubmit={() => {
        complete.mutate({ task, outcome, note: note.trim(), key: key.current });
        onClose();
      }}
    >
      <p className="task-of">{task.title}</p>
      <Field label={t("tasks.outcome")}>
        {({ id }) => (
          <Segmented
            id={id}
            block
            vertical={window.innerWidth < 520}
            aria-label={t("tasks.outcome")}
            data-testid="task-outcome"
            value={outcome}
            onChange={setOutcome}
            options={taskOutcomes.map((value) => ({ value, label: t(`tasks.outcomes.${value}`) }))}
          />
        )}
      </Field>
      <Field label={t("tasks.outcomeNote")} optional={t("common.optional")}>
        {(ids) => <TextArea {...ids} autoFocus data-testid="task-outcome-note" maxLength={2000} autoSize={{ minRows: 2, maxRows: 8 }} value={note} onChange={(e) => setNote(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
