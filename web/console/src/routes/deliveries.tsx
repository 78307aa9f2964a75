import { useSearch } from "@tanstack/react-router";
import { DeliveriesPage as Deliveries } from "@/features/deliveries/DeliveriesPage";
import { Guard } from "./fallbacks";

export function DeliveriesPage() {
  const { state } = useSearch({ from: "/app/deliveries" });
  return (
    <Guard permission="inbox.read">
      <Deliveries state={state ?? "all"} />
    </Guard>
  );
}
