import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { keys } from "@/api/keys";
import { tasksApi, type NewTask, type Task, type TaskFilter, type TaskOutcome, type TaskPatch } from "@/api/tasks";
import type { Page } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { describe } from "@/i18n/problem";
import { toast, toastError, useNow } from "@/ui";
import { pressing } from "./days";

const PAGE = 100;

interface Pages {
  pages: Page<Task>[];
  pageParams: unknown[];
}

/** One filtered list, in pages, what is due first at the top. */
export function useTasks(filter: TaskFilter, enabled = true) {
  return useInfiniteQuery({
    queryKey: keys.taskList(filter),
    queryFn: ({ pageParam, signal }) => tasksApi.list(filter, pageParam, PAGE, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    enabled,
  });
}

/** The open tasks of one customer. */
export function useCustomerTasks(customerId: string) {
  const allowed = usePermission("tasks.read");
  return useQuery({
    queryKey: keys.taskList({ customer_id: customerId, state: "open" }),
    queryFn: async ({ signal }) => toPages(await tasksApi.list({ customer_id: customerId, state: "open" }, null, PAGE, signal)),
    enabled: allowed,
  });
}

const toPages = (page: Page<Task>): Pages => ({ pages: [page], pageParams: [null] });

const mineOpen: TaskFilter = { assignee: "me", state: "open" };

/** How many of one's own tasks are overdue or due today, for the rail. */
export function useTaskCount(): number {
  const allowed = usePermission("tasks.read");
  const now = useNow();
  const query = useTasks(mineOpen, allowed);
  return query.data ? pressing(query.data.pages.flatMap((p) => p.items), now) : 0;
}

/** Puts a task's new state wherever it is held; lists it may have entered ask again. */
export function putTask(cache: QueryClient, task: Task): void {
  for (const [key, data] of cache.getQueriesData<Pages>({ queryKey: keys.tasks })) {
    const held = data?.pages.flatMap((p) => p.items).find((t) => t.id === task.id);
    if (!data || !held || held.version > task.version) continue;
    cache.setQueryData<Pages>(key, { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.map((t) => (t.id === task.id ? task : t)) })) });
  }
}

function patchHeld(cache: QueryClient, id: string, patch: Partial<Task>): () => void {
  const before = cache.getQueriesData<Pages>({ queryKey: keys.tasks });
  for (const [key, data] of before) {
    if (data) cache.setQueryData<Pages>(key, { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.map((t) => (t.id === id ? { ...t, ...patch } : t)) })) });
  }
  return () => {
    for (const [key, data] of before) cache.setQueryData(key, data);
  };
}

/** Completing, reopening, changing and making tasks: shown at once, rolled back with the reason. */
export function useTaskActs() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const settle = (task: Task) => {
    putTask(cache, task);
    void cache.invalidateQueries({ queryKey: keys.tasks });
    if (task.customer) void cache.invalidateQueries({ queryKey: keys.timeline(task.customer.id) });
  };
  const refused = (error: unknown, back?: () => void) => {
    back?.();
    toastError(t("actions.failed", { reason: describe(error) }));
  };

  const reopen = useMutation({
    mutationFn: (task: Task) => tasksApi.reopen(task.id),
    onMutate: (task) => patchHeld(cache, task.id, { state: "open", outcome: null, outcome_note: "", completed_at: null }),
    onSuccess: settle,
    onError: (error, _task, back) => refused(error, back),
  });
  const complete = useMutation({
    mutationFn: ({ task, outcome, note, key }: { task: Task; outcome: TaskOutcome; note: string; key: string }) => tasksApi.complete(task.id, { outcome, note, client_key: key }),
    onMutate: ({ task, outcome, note }) => patchHeld(cache, task.id, { state: "done", outcome, outcome_note: note, completed_at: new Date().toISOString() }),
    onSuccess: (task) => {
      settle(task);
      toast(t("tasks.completed", { title: task.title }), { label: t("common.undo"), run: () => reopen.mutate(task) });
    },
    onError: (error, _input, back) => refused(error, back),
  });
  const cancel = useMutation({
    mutationFn: (task: Task) => tasksApi.cancel(task.id),
    onMutate: (task) => patchHeld(cache, task.id, { state: "cancelled" }),
    onSuccess: (task) => {
      settle(task);
      toast(t("tasks.cancelled", { title: task.title }), { label: t("common.undo"), run: () => reopen.mutate(task) });
    },
    onError: (error, _task, back) => refused(error, back),
  });
  const update = useMutation({
    mutationFn: ({ id, patch }: { id: string; patch: TaskPatch }) => tasksApi.update(id, patch),
    onSuccess: settle,
  });
  const create = useMutation({ mutationFn: (task: NewTask) => tasksApi.create(task), onSuccess: settle });
  return { complete, reopen, cancel, update, create };
}
