import { SendingPage as Sending } from "@/features/sending/SendingPage";
import { WriteKeysPage as WriteKeys } from "@/features/events/WriteKeysPage";
import { Guard } from "./fallbacks";

export function WriteKeysPage() {
  return (
    <Guard permission="tracking.manage">
      <WriteKeys />
    </Guard>
  );
}

export function SendingPage() {
  return (
    <Guard permission={["journeys.read", "journeys.manage"]}>
      <Sending />
    </Guard>
  );
}
