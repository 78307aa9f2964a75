import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { changeSettings } from "@/features/session/settings";
import { number } from "@/i18n/format";
import type { InboxSearch } from "@/routes/router";
import { FoldIcon, IconButton, Select } from "@/ui";
import { useInboxFilter } from "./filter";
import { useAccounts, useCounts, useTeams } from "./queries";

interface View {
  key: string;
  label: string;
  search: InboxSearch;
  count?: number | undefined;
  channel?: string;
  testid?: string;
}

interface Group {
  title: string | null;
  views: View[];
}

/** Every list one can choose: own, unassigned, all, by team, by channel account. */
function useViews(): { groups: Group[]; current: string } {
  const { t } = useTranslation();
  const { search, filter } = useInboxFilter();
  const counts = useCounts();
  const teams = useTeams();
  const accounts = useAccounts();
  const status = search.status ? { status: search.status } : {};
  const groups: Group[] = [
    {
      title: null,
      views: (["mine", "unassigned", "all"] as const).map((view) => ({
        key: view,
        label: t(`inbox.${view}`),
        search: { view, ...status },
        count: counts?.[view],
        testid: `view-${view}`,
      })),
    },
    {
      title: t("inbox.teams"),
      views: teams.map((team) => ({
        key: `team-${team.id}`,
        label: team.name,
        search: { view: "team", team: team.id, ...status },
        count: counts ? (counts.teams[team.id] ?? 0) : undefined,
        testid: `view-team-${team.id}`,
      })),
    },
    {
      title: t("inbox.accounts"),
      views: accounts.map((account) => ({
        key: `account-${account.id}`,
        label: account.name,
        search: { view: "all", account: account.id, ...status },
        channel: account.channel,
        count: counts ? (counts.accounts[account.id] ?? 0) : undefined,
        testid: `view-account-${account.id}`,
      })),
    },
  ];
  const current = filter.account_id ? `account-${filter.account_id}` : filter.view === "team" ? `team-${filter.team_id}` : filter.view;
  return { groups: groups.filter((g) => g.views.length > 0), current };
}

/** The views as a column of links with exact counts of open conversations. */
export function ViewsColumn() {
  const { t } = useTranslation();
  const { groups, current } = useViews();
  return (
    <nav className="views" aria-label={t("inbox.views")}>
      <h1>
        {t("nav.inbox")}
        <IconButton size="small" label={t("inbox.hideViews")} icon={<FoldIcon />} onClick={() => changeSettings({ viewsOpen: false })} />
      </h1>
      {groups.map((group) => (
        <div key={group.title ?? ""}>
          {group.title && <h2>{group.title}</h2>}
          <ul>
            {group.views.map((view) => (
              <li key={view.key}>
                <Link
                  to="/inbox"
                  search={view.search}
                  className="view-link"
                  data-testid={view.testid}
                  aria-current={view.key === current ? "true" : undefined}
                  activeProps={{}}
                >
                  <span>
                    {view.channel && <ChannelIcon channel={view.channel} />} {view.label}
                  </span>
                  {view.count !== undefined && <span className="num">{view.count > 0 ? number(view.count) : ""}</span>}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

/** The same as one control, where there is no room for a column. */
export function ViewSelect() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { groups, current } = useViews();
  const byKey = new Map(groups.flatMap((g) => g.views.map((v) => [v.key, v] as const)));
  const option = (view: View) => ({
    value: view.key,
    label: (
      <>
        {view.channel && <ChannelIcon channel={view.channel} />} {view.count ? `${view.label} (${number(view.count)})` : view.label}
      </>
    ),
  });
  return (
    <Select
      className="view-select"
      variant="borderless"
      aria-label={t("inbox.views")}
      data-testid="view-select"
      value={current}
      popupMatchSelectWidth={240}
      options={groups.map((g) => ({ label: g.title ?? t("inbox.views"), options: g.views.map(option) }))}
      onChange={(key) => {
        const view = byKey.get(key);
        if (view) void navigate({ to: "/inbox", search: view.search });
      }}
    />
  );
}
