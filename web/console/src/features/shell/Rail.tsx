import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useTroubleCount } from "@/features/deliveries/queries";
import { useCounts } from "@/features/inbox/queries";
import { useMe } from "@/features/session/me";
import { useTaskCount } from "@/features/tasks/queries";
import { useConnectionState } from "@/realtime/provider";
import { EllipsisIcon, IconButton, SearchIcon, Tooltip } from "@/ui";
import { AccountMenu, MenuOfMine } from "./AccountMenu";
import { ConnectionPill } from "./ConnectionPill";
import { dialog } from "./dialogs";
import { modKey } from "./keyboard";
import { pagesFor, type PageEntry } from "./pages";

/** How much waits behind a page, and how to say it. */
interface Waiting {
  count: number;
  words: string;
}

function useWaiting(): Partial<Record<PageEntry["name"], Waiting>> {
  const { t } = useTranslation();
  const unread = useCounts()?.unread ?? 0;
  const trouble = useTroubleCount();
  const tasks = useTaskCount();
  return {
    ...(unread > 0 ? { inbox: { count: unread, words: t("nav.unread", { count: unread }) } } : {}),
    ...(tasks > 0 ? { tasks: { count: tasks, words: t("nav.tasksDue", { count: tasks }) } } : {}),
    ...(trouble > 0 ? { deliveries: { count: trouble, words: t("nav.trouble", { count: trouble }) } } : {}),
  };
}

function PageLink({ page, waiting, tips }: { page: PageEntry; waiting: Waiting | undefined; tips: boolean }) {
  const { t } = useTranslation();
  const name = t(`nav.${page.name}`);
  const link = (
    <Link to={page.to} className="rail-link" data-testid={`nav-${page.name}`} activeProps={{ "aria-current": "page" }} aria-label={waiting ? `${name}, ${waiting.words}` : name}>
      {page.icon}
      {waiting && (
        <span className="rail-badge" aria-hidden="true" data-tone={page.name === "deliveries" ? "warn" : undefined}>
          {waiting.count > 99 ? "99+" : waiting.count}
        </span>
      )}
      {!tips && <span className="rail-word">{t(`navShort.${page.name}`)}</span>}
    </Link>
  );
  return tips ? (
    <Tooltip title={name} placement="right">
      {link}
    </Tooltip>
  ) : (
    link
  );
}

/** The left rail: every page one may use, the connection, oneself. */
export function Rail() {
  const { t } = useTranslation();
  const me = useMe();
  const waiting = useWaiting();
  return (
    <nav className="rail" aria-label={t("nav.label")}>
      <img className="rail-brand" src="/favicon.svg" alt="Fanward" />
      <ul>
        {pagesFor(me).map((page) => (
          <li key={page.name}>
            <PageLink page={page} waiting={waiting[page.name]} tips />
          </li>
        ))}
      </ul>
      <div className="rail-space" />
      <IconButton
        label={t("nav.palette")}
        shortcut={`${modKey} K`}
        placement="right"
        icon={<SearchIcon />}
        size="large"
        data-testid="open-palette"
        onClick={() => dialog.set("palette")}
      />
      <ConnectionPill />
      <AccountMenu placement="topLeft" />
    </nav>
  );
}

/** The same on a phone, below the page: what is used most, and the rest behind "More". */
export function BottomBar() {
  const { t } = useTranslation();
  const me = useMe();
  const waiting = useWaiting();
  const connection = useConnectionState();
  const pages = pagesFor(me);
  return (
    <nav className="bottom-bar" aria-label={t("nav.label")}>
      {pages
        .filter((page) => page.main)
        .map((page) => (
          <PageLink key={page.name} page={page} waiting={waiting[page.name]} tips={false} />
        ))}
      <button type="button" className="rail-link" data-testid="open-palette" aria-label={t("nav.palette")} onClick={() => dialog.set("palette")}>
        <SearchIcon />
        <span className="rail-word">{t("navShort.search")}</span>
      </button>
      <MenuOfMine placement="topRight" pages={pages.filter((page) => !page.main)}>
        <button type="button" className="rail-link" data-testid="account-menu" data-availability={me.availability} aria-label={t("nav.more")}>
          <span className="more-icon">
            <EllipsisIcon />
            <span className="pill-dot" data-testid="connection-pill" data-state={connection.name} />
          </span>
          <span className="rail-word">{t("navShort.more")}</span>
        </button>
      </MenuOfMine>
    </nav>
  );
}
