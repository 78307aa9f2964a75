import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { ThemeChoice } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { customerName } from "@/features/customers/name";
import { useRecent } from "@/features/inbox/recent";
import { may, useMe, useUpdateMe } from "@/features/session/me";
import { locales } from "@/i18n";
import { CustomersIcon, Kbd, Modal, PreferencesIcon, Skeleton } from "@/ui";
import { useOfferedCommands } from "./commands";
import { pagesFor } from "./pages";

interface Entry {
  id: string;
  group: string;
  label: string;
  icon?: ReactNode;
  shortcut?: string;
  run: () => void;
}

const themes: ThemeChoice[] = ["system", "light", "dark"];

/** What fits what was typed, and whether customers are still being looked for. */
function useEntries(query: string): { entries: Entry[]; searching: boolean } {
  const { t } = useTranslation();
  const me = useMe();
  const update = useUpdateMe();
  const navigate = useNavigate();
  const recent = useRecent();
  const offered = useOfferedCommands();
  const wanted = query.trim();
  const found = useQuery({
    queryKey: keys.customerList(wanted),
    queryFn: async ({ signal }) => ({ pages: [await api.customers({ q: wanted, limit: 6 }, signal)], pageParams: [null] }),
    enabled: wanted.length > 0 && may(me, "customers.read"),
  });

  const fixed = useMemo(() => {
    const entries: Entry[] = offered.map((c) => ({ ...c, group: t("palette.conversation") }));
    for (const r of recent) {
      entries.push({ id: `recent-${r.id}`, group: t("palette.recent"), label: `${customerName(r)} · #${r.number}`, icon: <ChannelIcon channel={r.channel} silent />, run: () => void navigate({ to: "/inbox/$conversationId", params: { conversationId: r.id } }) });
    }
    for (const page of pagesFor(me)) {
      entries.push({ id: page.name, group: t("palette.pages"), label: t("palette.go", { page: t(`nav.${page.name}`) }), icon: page.icon, run: () => void navigate({ to: page.to }) });
    }
    entries.push({ id: "preferences", group: t("palette.pages"), label: t("palette.go", { page: t("nav.preferences") }), icon: <PreferencesIcon />, run: () => void navigate({ to: "/preferences" }) });
    const setting = t("palette.settings");
    for (const locale of locales) {
      if (locale !== me.locale) entries.push({ id: locale, group: setting, label: t("palette.language", { name: t(`locale.${locale}`) }), run: () => update.mutate({ locale }) });
    }
    for (const theme of themes) {
      if (theme !== me.theme) entries.push({ id: theme, group: setting, label: t("palette.theme", { name: t(`theme.${theme}`) }), run: () => update.mutate({ theme }) });
    }
    const other = me.availability === "available" ? "away" : "available";
    entries.push({ id: other, group: setting, label: t(other === "away" ? "palette.beAway" : "palette.beAvailable"), run: () => update.mutate({ availability: other }) });
    return entries;
  }, [me, navigate, offered, recent, t, update]);

  const words = wanted.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const matching = fixed.filter((e) => words.every((w) => e.label.toLocaleLowerCase().includes(w)));
  const customers = wanted
    ? (found.data?.pages[0]?.items ?? []).map<Entry>((c) => ({
        id: `customer-${c.id}`,
        group: t("nav.customers"),
        label: customerName(c),
        icon: <CustomersIcon />,
        run: () => void navigate({ to: "/customers/$customerId", params: { customerId: c.id } }),
      }))
    : [];
  return { entries: [...matching, ...customers], searching: found.isLoading };
}

/** Finds pages, conversations, customers and commands by typing. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  // What is listed is always what was typed last: Enter may follow the last letter at once.
  const { entries, searching } = useEntries(query);
  const listId = useId();
  const selected = Math.min(at, entries.length - 1);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown") setAt((selected + 1) % Math.max(1, entries.length));
    else if (event.key === "ArrowUp") setAt((selected - 1 + entries.length) % Math.max(1, entries.length));
    else if (event.key === "Enter") run(entries[selected]);
    else return;
    event.preventDefault();
  };

  return (
    <Modal open footer={null} closable={false} onCancel={onClose} width={560} className="palette" style={{ top: "14vh" }} title={<span className="visually-hidden">{t("palette.title")}</span>} styles={{ header: { margin: 0, height: 0 } }}>
      <input
        className="palette-input"
        data-testid="palette-input"
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={entries[selected] ? `${listId}-${selected}` : undefined}
        aria-label={t("palette.placeholder")}
        placeholder={t("palette.placeholder")}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={press}
      />
      <div className="palette-list" role="listbox" id={listId} aria-label={t("palette.results")}>
        {entries.map((entry, i) => (
          <div key={`${entry.group}-${entry.id}`} role="presentation">
            {entries[i - 1]?.group !== entry.group && (
              <div className="palette-group" role="presentation">
                {entry.group}
              </div>
            )}
            <div
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === selected}
              className="palette-item"
              ref={i === selected ? (node) => node?.scrollIntoView?.({ block: "nearest" }) : undefined}
              onMouseMove={() => setAt(i)}
              onClick={() => run(entry)}
            >
              {entry.icon}
              <span>{entry.label}</span>
              {entry.shortcut && (
                <span className="palette-key">
                  <Kbd>{entry.shortcut}</Kbd>
                </span>
              )}
            </div>
          </div>
        ))}
        {entries.length === 0 && (searching ? <Skeleton lines={2} /> : <div className="palette-none">{t("palette.none", { query })}</div>)}
      </div>
    </Modal>
  );
}
