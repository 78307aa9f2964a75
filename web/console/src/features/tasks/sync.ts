import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { keys } from "@/api/keys";
import { useMe } from "@/features/session/me";
import { soon } from "@/i18n/format";
import { useRealtime } from "@/realtime/provider";
import { serverNow } from "@/api/clock";
import { toast } from "@/ui";
import { putTask } from "./queries";

/** Changes come in bursts; the lists ask once for all of them. */
const ASK_AFTER = 500;

/** Keeps every list of tasks true while tasks change, and says when one's own is due. */
export function useTaskSync(): void {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const me = useMe();
  const { feed } = useRealtime();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const askSoon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void cache.invalidateQueries({ queryKey: keys.tasks });
      }, ASK_AFTER);
    };
    feed.events.task = (task, reason) => {
      if (task) putTask(cache, task);
      askSoon();
      if (!task || task.assignee_id !== me.id || task.state !== "open" || !task.due_at) return;
      const open = { label: t("tasks.show"), run: () => void navigate({ to: "/tasks" }) };
      if (reason === "reminder") toast(t("tasks.dueSoon", { title: task.title, time: soon(task.due_at, serverNow()) }), open);
      else if (reason === "overdue") toast(t("tasks.isOverdue", { title: task.title }), open);
    };
    return () => {
      clearTimeout(timer);
      delete feed.events.task;
    };
  }, [cache, feed, me.id, navigate, t]);
}
