import { lazy, Suspense, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Task } from "@/api/tasks";
import { CustomerPicker, type PickedCustomer } from "@/features/customers/CustomerPicker";
import { useTeammates, useTeams } from "@/features/inbox/queries";
import { snoozeUntil, type SnoozePreset } from "@/features/inbox/SnoozeMenu";
import { useMe } from "@/features/session/me";
import { fieldProblems } from "@/i18n/problem";
import { Button, Field, FormProblem, Input, Select, Spin, TextArea, toast } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";
import { useTaskActs } from "./queries";

const DateTimeInput = lazy(() => import("@/ui/date-time"));
const quick: SnoozePreset[] = ["in3h", "tomorrow", "nextWeek"];

interface Values {
  title: string;
  note: string;
  /** "teammate:ID", "team:ID" or "". */
  owner: string;
  due: Date | null;
  customer: PickedCustomer | null;
}

interface Props {
  /** The task to change; without it one is made. */
  task?: Task;
  customer?: PickedCustomer;
  conversationId?: string;
  onClose: () => void;
}

function ownerOf(task: Task): string {
  return task.assignee_id ? `teammate:${task.assignee_id}` : task.team_id ? `team:${task.team_id}` : "";
}

/** Who may get a task: teammates and teams in one list. */
function OwnerSelect({ id, value, onChange }: { id: string; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const teammates = useTeammates();
  const teams = useTeams();
  const options = [
    { value: "", label: t("tasks.nobody") },
    { label: t("actions.assignTeammate"), options: teammates.map((m) => ({ value: `teammate:${m.id}`, label: m.id === me.id ? `${m.name} (${t("common.you")})` : m.name })) },
    ...(teams.length > 0 ? [{ label: t("actions.assignTeam"), options: teams.map((x) => ({ value: `team:${x.id}`, label: x.name })) }] : []),
  ];
  return <Select id={id} data-testid="task-owner" showSearch={{ optionFilterProp: "label" }} value={value} onChange={onChange} options={options} />;
}

/** Makes a task, or changes one. */
export function TaskForm({ task, customer, conversationId, onClose }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const { create, update } = useTaskActs();
  const [start] = useState<Values>(() => ({
    title: task?.title ?? "",
    note: task?.note ?? "",
    owner: task ? ownerOf(task) : `teammate:${me.id}`,
    due: task ? (task.due_at ? new Date(task.due_at) : null) : snoozeUntil("tomorrow", new Date()),
    customer: task?.customer ?? customer ?? null,
  }));
  const [values, setValues] = useState(start);
  const [missing, setMissing] = useState(false);
  const key = useRef(crypto.randomUUID());
  const set = (patch: Partial<Values>) => setValues((v) => ({ ...v, ...patch }));
  const save = task ? update : create;
  const problems = fieldProblems(save.error);

  const submit = () => {
    setMissing(values.title.trim() === "");
    if (values.title.trim() === "") return;
    const [kind, id] = values.owner.split(":");
    const body = {
      title: values.title.trim(),
      note: values.note.trim(),
      assignee_id: kind === "teammate" ? id! : null,
      team_id: kind === "team" ? id! : null,
      due_at: values.due?.toISOString() ?? null,
    };
    const done = { onSuccess: () => (toast(t(task ? "tasks.saved" : "tasks.created")), onClose()) };
    if (task) update.mutate({ id: task.id, patch: body }, done);
    else create.mutate({ ...body, client_key: key.current, ...(values.customer ? { customer_id: values.customer.id } : {}), ...(conversationId ? { conversation_id: conversationId } : {}) }, done);
  };

  return (
    <FormDialog title={t(task ? "tasks.edit" : "tasks.create")} submit={t(task ? "common.save" : "tasks.create")} busy={save.isPending} dirty={JSON.stringify(values) !== JSON.stringify(start)} onSubmit={submit} onClose={onClose}>
      <FormProblem error={save.error} />
      <Field label={t("tasks.title_")} error={missing ? t("tasks.titleMissing") : problems.title}>
        {(ids) => <Input {...ids} autoFocus data-testid="task-title" maxLength={200} value={values.title} placeholder={t("tasks.titleExample")} onChange={(e) => set({ title: e.target.value })} />}
      </Field>
      {!task && !customer && (
        <Field label={t("tasks.customer")} optional={t("common.optional")} error={problems.customer_id}>
          {({ id }) => <CustomerPicker id={id} value={values.customer} onChange={(picked) => set({ customer: picked })} />}
        </Field>
      )}
      <Field label={t("tasks.due")} error={problems.due_at}>
        {({ id }) => (
          <div className="task-due">
            <Suspense fallback={<Spin />}>
              <DateTimeInput id={id} value={values.due} from={new Date()} onChange={(due) => set({ due })} />
            </Suspense>
            <span>
              {quick.map((preset) => (
                <Button key={preset} size="small" onClick={() => set({ due: snoozeUntil(preset, new Date()) })}>
                  {t(`actions.${preset}`)}
                </Button>
              ))}
            </span>
          </div>
        )}
      </Field>
      <Field label={t("tasks.owner")} error={problems.assignee_id ?? problems.team_id}>
        {({ id }) => <OwnerSelect id={id} value={values.owner} onChange={(owner) => set({ owner })} />}
      </Field>
      <Field label={t("tasks.note")} optional={t("common.optional")} error={problems.note}>
        {(ids) => <TextArea {...ids} data-testid="task-note" maxLength={4000} autoSize={{ minRows: 2, maxRows: 8 }} value={values.note} onChange={(e) => set({ note: e.target.value })} />}
      </Field>
    </FormDialog>
  );
}
