import { i18n } from "@/i18n";

/** What to call a customer: the name, else the address, else "Customer" with the code that tells nameless ones apart. */
export function customerName(customer: { name?: string | null; label: string }): string {
  if (customer.name) return customer.name;
  return customer.label.startsWith("#") ? i18n.t("customers.nameless", { code: customer.label }) : customer.label;
}

/** The letters of a nameless customer's face: the first of its code or address, so that neighbours differ. */
export function customerMark(customer: { name?: string | null; label: string }): string | undefined {
  return customer.name ? undefined : [...customer.label.replace(/^#/, "")].slice(0, 2).join("").toUpperCase();
}
