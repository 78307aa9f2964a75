import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useMe } from "@/features/session/me";
import { useCounts } from "@/features/inbox/queries";
import { IconButton, SearchIcon, Tooltip } from "@/ui";
import { AccountMenu } from "./AccountMenu";
import { ConnectionPill } from "./ConnectionPill";
import { dialog } from "./dialogs";
import { modKey } from "./keyboard";
import { pagesFor, type PageEntry } from "./pages";

function PageLink({ page, unread, tips }: { page: PageEntry; unread: number; tips: boolean }) {
  const { t } = useTranslation();
  const name = t(`nav.${page.name}`);
  const link = (
    <Link to={page.to} className="rail-link" data-testid={`nav-${page.name}`} activeProps={{ "aria-current": "page" }} aria-label={unread > 0 ? `${name}, ${t("nav.unread", { count: unread })}` : name}>
      {page.icon}
      {unread > 0 && (
        <span className="rail-badge" aria-hidden="true">
          {unread > 99 ? "99+" : unread}
        </span>
      )}
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

function useUnread(): number {
  return useCounts()?.unread ?? 0;
}

/** The left rail: every page one may use, the connection, oneself. */
export function Rail() {
  const { t } = useTranslation();
  const me = useMe();
  const unread = useUnread();
  return (
    <nav className="rail" aria-label={t("nav.label")}>
      <img className="rail-brand" src="/favicon.svg" alt="Fanward" />
      <ul>
        {pagesFor(me).map((page) => (
          <li key={page.name}>
            <PageLink page={page} unread={page.name === "inbox" ? unread : 0} tips />
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

/** The same on a phone, below the page. */
export function BottomBar() {
  const { t } = useTranslation();
  const me = useMe();
  const unread = useUnread();
  return (
    <nav className="bottom-bar" aria-label={t("nav.label")}>
      {pagesFor(me).map((page) => (
        <PageLink key={page.name} page={page} unread={page.name === "inbox" ? unread : 0} tips={false} />
      ))}
      <button type="button" className="rail-link" data-testid="open-palette" aria-label={t("nav.palette")} onClick={() => dialog.set("palette")}>
        <SearchIcon />
      </button>
      <ConnectionPill />
      <AccountMenu placement="topRight" />
    </nav>
  );
}
