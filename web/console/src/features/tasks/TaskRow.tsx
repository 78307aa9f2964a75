import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Task } from "@/api/tasks";
import { customerName } from "@/features/customers/name";
import { useTeammates, useTeams } from "@/features/inbox/queries";
import { useMe, usePermission } from "@/features/session/me";
import { full, soon } from "@/i18n/format";
import { CloseIcon, IconButton, JourneysIcon, ReopenIcon, Tag, TaskDoneIcon, TaskOpenIcon } from "@/ui";
import { CompleteTask } from "./CompleteTask";
import { TaskForm } from "./TaskForm";
import { useTaskActs } from "./queries";
import "./tasks.css";

function useOwner(task: Task): string {
  const { t } = useTranslation();
  const me = useMe();
  const teammates = useTeammates();
  const teams = useTeams();
  if (task.assignee_id === me.id) return t("inbox.you");
  return teammates.find((m) => m.id === task.assignee_id)?.name ?? teams.find((x) => x.id === task.team_id)?.name ?? t("tasks.nobody");
}

function Details({ task, besideCustomer }: { task: Task; besideCustomer: boolean }) {
  const { t } = useTranslation();
  const mayJourneys = usePermission("journeys.read");
  const owner = useOwner(task);
  return (
    <p className="task-details">
      {!besideCustomer && task.customer && (
        <Link to="/customers/$customerId" params={{ customerId: task.customer.id }}>
          {customerName(task.customer)}
        </Link>
      )}
      {task.conversation_id && (
        <Link to="/inbox/$conversationId" params={{ conversationId: task.conversation_id }} search={{ view: "all", status: "all" }}>
          {t("tasks.conversation")}
        </Link>
      )}
      <span>{owner}</span>
      {task.source && (
        <span className="task-source">
          <JourneysIcon />{" "}
          {mayJourneys ? (
            <Link to="/journeys/$journeyId" params={{ journeyId: task.source.journey_id }} search={{ node: task.source.node_id }}>
              {task.source.journey_name}
            </Link>
          ) : (
            task.source.journey_name
          )}
        </span>
      )}
      {task.state === "done" && task.outcome && <Tag tone={task.outcome === "sold" ? "ok" : undefined}>{t(`tasks.outcomes.${task.outcome}`)}</Tag>}
      {task.state === "open" && task.escalated_at && <Tag tone="danger">{t("tasks.escalated")}</Tag>}
    </p>
  );
}

interface Props {
  task: Task;
  now: number;
  /** In a customer's own list their name says nothing. */
  besideCustomer?: boolean;
}

/** One task: what, when, for whom, and the one act. */
export function TaskRow({ task, now, besideCustomer = false }: Props) {
  const { t } = useTranslation();
  const mayWrite = usePermission("tasks.write");
  const { reopen, cancel } = useTaskActs();
  const [dialog, setDialog] = useState<"none" | "edit" | "complete">("none");
  const open = task.state === "open";
  const late = open && task.due_at !== null && Date.parse(task.due_at) < now;
  const note = open ? task.note : task.outcome_note || task.note;
  return (
    <li className="task-row" data-testid="task-row" data-task-id={task.id} data-state={task.state} data-overdue={late ? "" : undefined}>
      {open ? (
        <IconButton disabled={!mayWrite} label={t("tasks.completeOne", { title: task.title })} icon={<TaskOpenIcon />} data-testid="task-complete" onClick={() => setDialog("complete")} />
      ) : (
        <IconButton disabled={!mayWrite} label={t("tasks.reopenOne", { title: task.title })} icon={<TaskDoneIcon />} data-testid="task-done" onClick={() => reopen.mutate(task)} />
      )}
      <div className="task-what">
        <button type="button" className="ui-plain task-title" data-testid="task-open" disabled={!mayWrite || !open} onClick={() => setDialog("edit")}>
          {task.title}
        </button>
        {note && <p className="task-note">{note}</p>}
        <Details task={task} besideCustomer={besideCustomer} />
      </div>
      {task.due_at && (
        <time className="task-due-at" dateTime={task.due_at} title={full(task.due_at)}>
          {soon(task.due_at, now)}
        </time>
      )}
      {open && mayWrite && <IconButton size="small" label={t("tasks.cancelOne", { title: task.title })} icon={<CloseIcon />} data-testid="task-cancel" onClick={() => cancel.mutate(task)} />}
      {!open && mayWrite && <IconButton size="small" label={t("tasks.reopen")} icon={<ReopenIcon />} data-testid="task-reopen" onClick={() => reopen.mutate(task)} />}
      {dialog === "edit" && <TaskForm task={task} onClose={() => setDialog("none")} />}
      {dialog === "complete" && <CompleteTask task={task} onClose={() => setDialog("none")} />}
    </li>
  );
}
