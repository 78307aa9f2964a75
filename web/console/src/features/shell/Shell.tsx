import { Outlet, useMatches, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useTroubleSync } from "@/features/deliveries/queries";
import { useCounts } from "@/features/inbox/queries";
import { useIncomingNotices } from "@/features/inbox/useIncomingNotices";
import { OutboxSync } from "@/features/inbox/outbox-sync";
import { adoptPreferences, useMe } from "@/features/session/me";
import { useTaskSync } from "@/features/tasks/sync";
import { RealtimeProvider } from "@/realtime/provider";
import { useStore } from "@/realtime/store";
import { usePhone } from "@/ui";
import { ConnectionBar, useConnectionTrouble } from "./ConnectionPill";
import { dialog } from "./dialogs";
import { KeyboardHelp } from "./KeyboardHelp";
import { BottomBar, Rail } from "./Rail";
import { useGlobalKeys } from "./useGlobalKeys";
import "./shell.css";

const loadPalette = () => import("./Palette");
const Palette = lazy(loadPalette);

/** When the first page has come to rest, so that the palette opens at once. */
const PRELOAD_AFTER = 2_000;

/** The tab's title says how much is unread. */
function useTitle(): void {
  const unread = useCounts()?.unread ?? 0;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread}) Fanward` : "Fanward";
  }, [unread]);
}

function Frame() {
  const { t } = useTranslation();
  const phone = usePhone();
  const open = useStore(dialog);
  const trouble = useConnectionTrouble();
  const deep = useMatches().some((match) => "conversationId" in match.params);
  const me = useMe();
  useGlobalKeys();
  useTitle();
  useIncomingNotices();
  useTroubleSync();
  useTaskSync();
  useEffect(() => adoptPreferences(me), [me.locale, me.theme]);
  useEffect(() => {
    const id = setTimeout(() => void loadPalette().catch(() => {}), PRELOAD_AFTER);
    return () => clearTimeout(id);
  }, []);
  const close = () => dialog.set("none");

  return (
    <div className="shell" data-deep={deep ? "" : undefined}>
      <a className="skip-link" href="#content">
        {t("common.skip")}
      </a>
      {!phone && <Rail />}
      <main id="content" className="shell-content" tabIndex={-1} data-barred={trouble ? "" : undefined}>
        {trouble && <ConnectionBar />}
        <Outlet />
      </main>
      {phone && <BottomBar />}
      {open === "help" && <KeyboardHelp onClose={close} />}
      {open === "palette" && (
        <Suspense fallback={null}>
          <Palette onClose={close} />
        </Suspense>
      )}
    </div>
  );
}

/** Everything around the pages for somebody who is signed in. */
export function Shell() {
  const navigate = useNavigate();
  const leave = () => void navigate({ to: "/sign-in", search: { next: window.location.pathname + window.location.search, ended: true } });
  return (
    <RealtimeProvider onSignedOut={leave}>
      <OutboxSync />
      <Frame />
    </RealtimeProvider>
  );
}
