import type { ReactNode } from "react";
import type { Me } from "@/api/types";
import { may, type Permission } from "@/features/session/me";
import { AccountsIcon, CustomersIcon, EventsIcon, InboxIcon, JourneysIcon, SegmentsIcon, SendingIcon, StagesIcon, TasksIcon, TeammatesIcon, TeamsIcon, TokensIcon, TroubleIcon, WriteKeysIcon } from "@/ui";

type PageName = "inbox" | "tasks" | "journeys" | "deliveries" | "customers" | "segments" | "stages" | "events" | "teammates" | "teams" | "accounts" | "tokens" | "writeKeys" | "sending";

export interface PageEntry {
  name: PageName;
  to: "/inbox" | "/tasks" | "/journeys" | "/deliveries" | "/customers" | "/segments" | "/stages" | "/events" | "/teammates" | "/teams" | "/accounts" | "/tokens" | "/settings/write-keys" | "/settings/sending";
  icon: ReactNode;
  permissions: Permission[];
  /** One of those that a phone's bar shows; the others are behind "More". */
  main?: boolean;
}

/** Every page of the rail and what one needs for it. */
const pages: PageEntry[] = [
  { name: "inbox", to: "/inbox", icon: <InboxIcon />, permissions: ["inbox.read"], main: true },
  { name: "tasks", to: "/tasks", icon: <TasksIcon />, permissions: ["tasks.read"], main: true },
  { name: "customers", to: "/customers", icon: <CustomersIcon />, permissions: ["customers.read"], main: true },
  { name: "segments", to: "/segments", icon: <SegmentsIcon />, permissions: ["segments.read", "segments.manage"] },
  { name: "journeys", to: "/journeys", icon: <JourneysIcon />, permissions: ["journeys.read"] },
  { name: "stages", to: "/stages", icon: <StagesIcon />, permissions: ["customers.read"] },
  { name: "events", to: "/events", icon: <EventsIcon />, permissions: ["customers.read"] },
  { name: "deliveries", to: "/deliveries", icon: <TroubleIcon />, permissions: ["inbox.read"], main: true },
  { name: "accounts", to: "/accounts", icon: <AccountsIcon />, permissions: ["accounts.manage"] },
  { name: "teammates", to: "/teammates", icon: <TeammatesIcon />, permissions: ["teammates.read", "teammates.manage"] },
  { name: "teams", to: "/teams", icon: <TeamsIcon />, permissions: ["teammates.read", "teammates.manage"] },
  { name: "tokens", to: "/tokens", icon: <TokensIcon />, permissions: ["tokens.manage"] },
  { name: "writeKeys", to: "/settings/write-keys", icon: <WriteKeysIcon />, permissions: ["tracking.manage"] },
  { name: "sending", to: "/settings/sending", icon: <SendingIcon />, permissions: ["journeys.manage"] },
];

export function pagesFor(me: Me): PageEntry[] {
  return pages.filter((page) => page.permissions.some((p) => may(me, p)));
}
