import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import type { InboxFilter } from "@/api/types";
import type { InboxSearch } from "@/routes/router";

const route = getRouteApi("/app/inbox");

/** What the address bar asks the list to show. */
export function filterOf(search: InboxSearch): InboxFilter {
  const view = search.view === "team" && !search.team ? "all" : (search.view ?? "all");
  return {
    view,
    status: search.status ?? "open",
    ...(view === "team" && search.team ? { team_id: search.team } : {}),
    ...(search.account ? { account_id: search.account } : {}),
  };
}

export function useInboxFilter(): { filter: InboxFilter; search: InboxSearch } {
  const search = route.useSearch();
  const filter = useMemo(() => filterOf(search), [search]);
  return { filter, search };
}
