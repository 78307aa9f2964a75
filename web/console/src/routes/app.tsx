import { Shell } from "@/features/shell/Shell";

export function AppLayout() {
  return <Shell />;
}
