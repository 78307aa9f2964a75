import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Customer } from "@/api/types";
import { Select } from "@/ui";
import { customerName } from "./name";

const FOUND = 12;

export type PickedCustomer = Pick<Customer, "id" | "name" | "label">;

interface Props {
  id?: string;
  value: PickedCustomer | null;
  onChange: (customer: PickedCustomer | null) => void;
  placeholder?: string;
}

/** Chooses one customer by name, e-mail address, phone number or ID. */
export function CustomerPicker({ id, value, onChange, placeholder }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const wanted = typed.trim();
  const found = useQuery({
    queryKey: keys.customersFound(wanted, FOUND),
    queryFn: ({ signal }) => api.customers({ q: wanted, limit: FOUND }, signal),
    placeholderData: keepPreviousData,
  });
  const people: PickedCustomer[] = found.data?.items ?? [];
  const listed = value && !people.some((c) => c.id === value.id) && wanted === "" ? [value, ...people] : people;
  return (
    <Select
      // Without a field around it its hint is its name.
      {...(id ? { id } : { "aria-label": placeholder ?? t("customers.search") })}
      data-testid="customer-picker"
      allowClear
      showSearch={{ filterOption: false, onSearch: setTyped, searchValue: typed }}
      loading={found.isFetching}
      placeholder={placeholder ?? t("customers.search")}
      value={value?.id ?? null}
      notFoundContent={found.isFetching ? t("common.loading") : t("customers.noMatchTitle")}
      options={listed.map((c) => ({ value: c.id, label: customerName(c) }))}
      onChange={(picked) => {
        setTyped("");
        onChange(listed.find((c) => c.id === picked) ?? null);
      }}
      style={{ width: "100%" }}
    />
  );
}
