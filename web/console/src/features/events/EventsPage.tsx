import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { usePermission } from "@/features/session/me";
import { Page, Tabs } from "@/ui";
import type { EventsSearch } from "@/routes/router";
import { Debugger } from "./Debugger";
import { EventList } from "./EventList";
import "@/features/customers/customers.css";
import "@/features/teammates/teammates.css";
import "./events.css";

/** What people do, as it arrives; and every call that brought it, for whoever connects a program. */
export function EventsPage({ search }: { search: EventsSearch }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayTrack = usePermission("tracking.manage");
  const mayRead = usePermission("customers.read");
  const tabs = [...(mayRead ? [{ key: "events", label: t("events.tab.events") }] : []), ...(mayTrack ? [{ key: "debugger", label: t("events.tab.debugger") }] : [])];
  const tab = (search.tab === "debugger" && mayTrack) || !mayRead ? "debugger" : "events";
  return (
    <Page title={t("events.title")} lead={t(tab === "debugger" ? "events.debuggerLead" : "events.lead")}>
      {tabs.length > 1 && <Tabs activeKey={tab} onChange={(key) => void navigate({ to: "/events", search: key === "debugger" ? { tab: "debugger" } : {} })} items={tabs} />}
      {tab === "debugger" ? <Debugger status={search.call} writeKey={search.key} /> : <EventList name={search.name} customerId={search.customer} />}
    </Page>
  );
}
