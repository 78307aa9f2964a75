import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import type { ThemeChoice } from "@/api/types";
import { forgetRecent } from "@/features/inbox/recent";
import { useMe, useUpdateMe } from "@/features/session/me";
import { useSetup } from "@/features/session/setup";
import { describe } from "@/i18n/problem";
import { locales } from "@/i18n";
import { Avatar, Dropdown, EmailIcon, ExitIcon, HelpIcon, LocaleIcon, PreferencesIcon, SandboxIcon, ShopIcon, SignOutIcon, ThemeIcon, toastError, usePhone, WechatIcon, type MenuProps } from "@/ui";
import { dialog } from "./dialogs";
import type { PageEntry } from "./pages";

const themes: ThemeChoice[] = ["system", "light", "dark"];
const sandboxPages = [
  { name: "shop", icon: <ShopIcon /> },
  { name: "phones", icon: <WechatIcon /> },
  { name: "mailbox", icon: <EmailIcon /> },
] as const;

interface Props {
  placement: "topLeft" | "topRight";
  /** Pages that have no place of their own in the bar. */
  pages?: PageEntry[];
  /** What opens the menu. */
  children: ReactNode;
}

/** Availability, language, appearance, the sandbox, preferences, sign out, behind whatever opens it. */
export function MenuOfMine({ placement, pages = [], children }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const update = useUpdateMe();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const phone = usePhone();
  const sandbox = useSetup()?.sandbox;
  const signOut = useMutation({
    mutationFn: api.signOut,
    onSuccess: () => {
      forgetRecent();
      cache.clear();
      void navigate({ to: "/sign-in" });
    },
    onError: (error) => toastError(describe(error)),
  });

  const items: MenuProps["items"] = [
    {
      key: "who",
      disabled: true,
      label: (
        <div className="me-head">
          <strong>{me.name}</strong>
          <span>{me.email}</span>
        </div>
      ),
    },
    { type: "divider" },
    ...pages.map((page) => ({ key: `page:${page.to}`, icon: page.icon, label: <span data-testid={`nav-${page.name}`}>{t(`nav.${page.name}`)}</span> })),
    ...(pages.length > 0 ? [{ type: "divider" as const }] : []),
    { type: "group", label: t("availability.label"), key: "availability", children: (["available", "away"] as const).map((value) => ({ key: `availability:${value}`, label: t(`availability.${value}`) })) },
    { type: "divider" },
    { key: "locale", icon: <LocaleIcon />, label: t("locale.label"), children: locales.map((value) => ({ key: `locale:${value}`, label: t(`locale.${value}`) })) },
    { key: "theme", icon: <ThemeIcon />, label: t("theme.label"), children: themes.map((value) => ({ key: `theme:${value}`, label: t(`theme.${value}`) })) },
    ...(sandbox
      ? [
          {
            key: "sandbox",
            // Beside the menu of a phone there is no room for another one.
            ...(phone ? { type: "group" as const } : { icon: <SandboxIcon /> }),
            label: t("sandbox.label"),
            children: sandboxPages.map(({ name, icon }) => ({
              key: `sandbox:${name}`,
              icon,
              label: <span data-testid={`sandbox-${name}`}>{t(`sandbox.${name}`)}</span>,
              title: t("common.newWindow"),
              extra: <ExitIcon aria-hidden="true" />,
            })),
          },
          ...(phone ? [{ type: "divider" as const }] : []),
        ]
      : []),
    { key: "preferences", icon: <PreferencesIcon />, label: t("nav.preferences") },
    { key: "help", icon: <HelpIcon />, label: t("nav.help") },
    { type: "divider" },
    { key: "sign-out", icon: <SignOutIcon />, label: t("nav.signOut") },
  ];

  const choose: MenuProps["onClick"] = ({ key }) => {
    const [name, value] = key.split(":");
    const page = pages.find((p) => p.to === value);
    if (name === "page" && page) void navigate({ to: page.to });
    else if (name === "availability") update.mutate({ availability: value as "available" | "away" });
    else if (name === "locale") update.mutate({ locale: value as (typeof locales)[number] });
    else if (name === "theme") update.mutate({ theme: value as ThemeChoice });
    else if (name === "sandbox" && sandbox) window.open(sandbox[`${value as "shop" | "phones" | "mailbox"}_url`], "_blank", "noopener");
    else if (name === "preferences") void navigate({ to: "/preferences" });
    else if (name === "help") dialog.set("help");
    else if (name === "sign-out") signOut.mutate();
  };

  return (
    <Dropdown
      trigger={["click"]}
      placement={placement}
      rootClassName="me-menu"
      // Opened by a click, as on a phone: on the way to an item the pointer may cross its neighbour.
      menu={{ items, onClick: choose, triggerSubMenuAction: "click", selectedKeys: [`availability:${me.availability}`, `locale:${me.locale}`, `theme:${me.theme}`] }}
    >
      {children}
    </Dropdown>
  );
}

/** Oneself in the rail, with one's own menu. */
export function AccountMenu({ placement }: { placement: "topLeft" | "topRight" }) {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <MenuOfMine placement={placement}>
      <button
        type="button"
        className="me-button"
        data-testid="account-menu"
        data-availability={me.availability}
        aria-label={`${t("nav.account")}: ${me.name}, ${t(`availability.${me.availability}`)}`}
      >
        <Avatar name={me.name} seed={me.id} size={30} online />
      </button>
    </MenuOfMine>
  );
}
