import { InboxPage as Inbox } from "@/features/inbox/InboxPage";
import { Guard } from "./fallbacks";

export function InboxPage() {
  return (
    <Guard permission="inbox.read">
      <Inbox />
    </Guard>
  );
}
