import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Task, TaskFilter } from "@/api/tasks";
import { inTextField, layerOpen, shortcutLetter } from "@/features/shell/keyboard";
import { useTeams } from "@/features/inbox/queries";
import { useMe, usePermission } from "@/features/session/me";
import { Button, EmptyState, ErrorState, More, Page, PlusIcon, Segmented, Skeleton, TasksIcon, useNow } from "@/ui";
import { byDay } from "./days";
import { useTasks } from "./queries";
import { TaskForm } from "./TaskForm";
import { TaskRow } from "./TaskRow";
import "@/features/teammates/teammates.css";
import "./tasks.css";

/** Whose tasks: one's own, nobody's, everybody's, or the id of a team. */
export type TaskView = string;
export type TaskStateView = "open" | "done";

function filterOf(whose: TaskView, state: TaskStateView): TaskFilter {
  return { state, ...(whose === "mine" ? { assignee: "me" } : whose === "none" ? { assignee: "none" } : whose === "all" ? {} : { team_id: whose }) };
}

/** J and K through the tasks, E completes, N makes one; Enter opens by itself. */
function useTaskKeys(list: React.RefObject<HTMLDivElement | null>, onNew: () => void): void {
  const held = useRef(onNew);
  held.current = onNew;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || layerOpen() || inTextField(event.target)) return;
      const letter = shortcutLetter(event);
      const rows = [...(list.current?.querySelectorAll<HTMLElement>(".task-row") ?? [])];
      const at = rows.findIndex((row) => row.contains(document.activeElement));
      const go = (i: number) => rows[Math.max(0, Math.min(rows.length - 1, i))]?.querySelector<HTMLElement>(".task-title:not(:disabled), .ant-btn")?.focus();
      if (letter === "j") go(at + 1);
      else if (letter === "k") go(at < 0 ? 0 : at - 1);
      else if (letter === "e" && at >= 0) rows[at]!.querySelector<HTMLElement>("[data-testid=task-complete], [data-testid=task-reopen]")?.click();
      else if (letter === "n") held.current();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [list]);
}

function Group({ name, tasks, now }: { name: "overdue" | "today" | "later" | "done"; tasks: Task[]; now: number }) {
  const { t } = useTranslation();
  if (tasks.length === 0) return null;
  return (
    <section className="task-group" data-group={name}>
      <h2>
        {t(`tasks.${name}`)} <small className="num">{tasks.length}</small>
      </h2>
      <ul>
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} now={now} />
        ))}
      </ul>
    </section>
  );
}

/** What one is to do, what is late first. */
export function TasksPage({ whose, state }: { whose: TaskView; state: TaskStateView }) {
  const { t } = useTranslation();
  const now = useNow();
  const navigate = useNavigate();
  const mayWrite = usePermission("tasks.write");
  const me = useMe();
  const mine = useTeams().filter((team) => me.team_ids.includes(team.id));
  const [creating, setCreating] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const query = useTasks(filterOf(whose, state));
  // A task that has just been completed leaves the open ones at once, though the list still holds it.
  const tasks = (query.data?.pages.flatMap((p) => p.items) ?? []).filter((task) => (task.state === "open") === (state === "open"));
  const days = byDay(state === "open" ? tasks : [], now);
  const go = (search: { whose?: TaskView; state?: TaskStateView }) => void navigate({ to: "/tasks", search: { whose, state, ...search }, replace: true });
  useTaskKeys(list, () => mayWrite && setCreating(true));
  const create = mayWrite && (
    <Button type="primary" icon={<PlusIcon />} data-testid="task-create" onClick={() => setCreating(true)}>
      {t("tasks.create")}
    </Button>
  );
  return (
    <Page title={t("tasks.title")} actions={create}>
      <div className="stack" ref={list}>
        <div className="task-filters">
          <Segmented aria-label={t("tasks.whose")} data-testid="task-view" value={whose} onChange={(value) => go({ whose: value })} options={[{ value: "mine", label: t("tasks.view.mine") }, { value: "none", label: t("tasks.view.none") }, ...mine.map((team) => ({ value: team.id, label: team.name })), { value: "all", label: t("tasks.view.all") }]} />
          <Segmented aria-label={t("tasks.stateLabel")} data-testid="task-state" value={state} onChange={(value) => go({ state: value })} options={(["open", "done"] as const).map((value) => ({ value, label: t(`tasks.stateView.${value}`) }))} />
        </div>
        {query.isPending ? (
          <Skeleton lines={8} />
        ) : query.isError && tasks.length === 0 ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : tasks.length === 0 ? (
          <EmptyState icon={<TasksIcon />} title={t(state === "done" ? "tasks.noneDoneTitle" : whose === "mine" ? "tasks.emptyMineTitle" : "tasks.emptyTitle")} actions={state === "open" && create}>
            {t("tasks.emptyBody")}
          </EmptyState>
        ) : state === "done" ? (
          <Group name="done" tasks={tasks} now={now} />
        ) : (
          <>
            <Group name="overdue" tasks={days.overdue} now={now} />
            <Group name="today" tasks={days.today} now={now} />
            <Group name="later" tasks={days.later} now={now} />
          </>
        )}
        <More of={query} />
      </div>
      {creating && <TaskForm onClose={() => setCreating(false)} />}
    </Page>
  );
}
