import { TokensPage as Tokens } from "@/features/tokens/TokensPage";
import { Guard } from "./fallbacks";

export function TokensPage() {
  return (
    <Guard permission="tokens.manage">
      <Tokens />
    </Guard>
  );
}
