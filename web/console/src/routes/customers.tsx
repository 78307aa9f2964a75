import { useParams, useSearch } from "@tanstack/react-router";
import { CustomerPage as Customer } from "@/features/customers/CustomerPage";
import { CustomersPage as Customers } from "@/features/customers/CustomersPage";
import { Guard } from "./fallbacks";

export function CustomersPage() {
  const search = useSearch({ from: "/app/customers" });
  return (
    <Guard permission="customers.read">
      <Customers search={search} />
    </Guard>
  );
}

export function CustomerPage() {
  const { customerId } = useParams({ from: "/app/customers/$customerId" });
  return (
    <Guard permission="customers.read">
      <Customer key={customerId} id={customerId} />
    </Guard>
  );
}
