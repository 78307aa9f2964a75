import { StagesPage as Stages } from "@/features/stages/StagesPage";
import { Guard } from "./fallbacks";

export function StagesPage() {
  return (
    <Guard permission="customers.read">
      <Stages />
    </Guard>
  );
}
