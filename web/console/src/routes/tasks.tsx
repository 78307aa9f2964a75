import { useSearch } from "@tanstack/react-router";
import { TasksPage as Tasks } from "@/features/tasks/TasksPage";
import { Guard } from "./fallbacks";

export function TasksPage() {
  const { view, state } = useSearch({ from: "/app/tasks" });
  return (
    <Guard permission="tasks.read">
      <Tasks view={view ?? "mine"} state={state ?? "open"} />
    </Guard>
  );
}
