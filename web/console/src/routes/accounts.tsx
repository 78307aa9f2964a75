import { useParams, useSearch } from "@tanstack/react-router";
import { AccountPage as Account } from "@/features/accounts/AccountPage";
import { AccountsPage as Accounts } from "@/features/accounts/AccountsPage";
import { NewAccountPage as NewAccount } from "@/features/accounts/NewAccountPage";
import { Guard } from "./fallbacks";

export function AccountsPage() {
  return (
    <Guard permission="accounts.manage">
      <Accounts />
    </Guard>
  );
}

export function NewAccountPage() {
  const { channel = "webchat" } = useSearch({ from: "/app/accounts/new" });
  return (
    <Guard permission="accounts.manage">
      <NewAccount key={channel} channel={channel} />
    </Guard>
  );
}

export function AccountPage() {
  const { accountId } = useParams({ from: "/app/accounts/$accountId" });
  return (
    <Guard permission="accounts.manage">
      <Account key={accountId} id={accountId} />
    </Guard>
  );
}
