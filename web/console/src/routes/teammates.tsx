import { TeammatesPage as Teammates } from "@/features/teammates/TeammatesPage";
import { TeamsPage as Teams } from "@/features/teammates/TeamsPage";
import { Guard } from "./fallbacks";

export function TeammatesPage() {
  return (
    <Guard permission={["teammates.read", "teammates.manage"]}>
      <Teammates />
    </Guard>
  );
}

export function TeamsPage() {
  return (
    <Guard permission={["teammates.read", "teammates.manage"]}>
      <Teams />
    </Guard>
  );
}
