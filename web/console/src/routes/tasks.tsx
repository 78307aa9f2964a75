import { useSearch } from "@tanstack/react-router";
import { TasksPage as Tasks } from "@/features/tasks/TasksPage";
import { Guard } from "./fallbacks";

export function TasksPage() {
  const { whose, state } = useSearch({ from: "/app/tasks" });
  return (
    <Guard permission="tasks.read">
      <Tasks whose={whose ?? "mine"} state={state ?? "open"} />
    </Guard>
  );
}
