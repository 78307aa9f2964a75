import { useSearch } from "@tanstack/react-router";
import { EventsPage as Events } from "@/features/events/EventsPage";
import { Guard } from "./fallbacks";

export function EventsPage() {
  const search = useSearch({ from: "/app/events" });
  return (
    <Guard permission={["customers.read", "tracking.manage"]}>
      <Events search={search} />
    </Guard>
  );
}
