import { App as AntApp, ConfigProvider, theme as antTheme } from "antd";
import type { Locale as AntLocale } from "antd/es/locale";
import dayjs from "dayjs";
import { useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import type { Locale, ThemeChoice } from "@/api/types";
import { ToastBridge } from "./toast";
import "./tokens.css";
import "./kit.css";

const darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
const motionQuery = window.matchMedia("(prefers-reduced-motion: reduce)");

/* Less motion is brief motion for antd: told to do without, or in no time at all,
   its popups may never come to their place. */
const brief = { motionDurationFast: "0.04s", motionDurationMid: "0.04s", motionDurationSlow: "0.04s" };

function useMedia(query: MediaQueryList): boolean {
  return useSyncExternalStore(
    (listener) => {
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => query.matches,
  );
}

/** True when the window is too narrow for more than one pane. */
const phoneQuery = window.matchMedia("(max-width: 820px)");
export const usePhone = (): boolean => useMedia(phoneQuery);

/** True when a side panel would have to lie over the content. */
const narrowQuery = window.matchMedia("(max-width: 1240px)");
export const useNarrow = (): boolean => useMedia(narrowQuery);

/** True when views, list, thread and side panel have room beside each other. */
const wideQuery = window.matchMedia("(min-width: 1400px)");
export const useWide = (): boolean => useMedia(wideQuery);

/** True when a list and a thread have room, but no column of views. */
const tightQuery = window.matchMedia("(max-width: 1100px)");
export const useTight = (): boolean => useMedia(tightQuery);

const antLocales: Record<Locale, () => Promise<{ default: AntLocale }>> = {
  en: () => import("antd/es/locale/en_US"),
  "zh-CN": async () => {
    await import("dayjs/locale/zh-cn");
    return import("antd/es/locale/zh_CN");
  },
};

/** Sets data-theme at once, also before React is there. */
export function paintTheme(choice: ThemeChoice): void {
  const dark = choice === "dark" || (choice === "system" && darkQuery.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

const palette = {
  light: { colorPrimary: "#0f766e", colorPrimaryBg: "#e6f2f0", colorPrimaryBgHover: "#d5e9e6", colorError: "#b42318", colorSuccess: "#157347", colorWarning: "#8a5a00", colorText: "#1c2424", colorTextSecondary: "#566161", colorTextPlaceholder: "#697474", colorBgBase: "#ffffff", colorBorder: "#cfd5d5", colorBorderSecondary: "#e4e7e7" },
  dark: { colorPrimary: "#4fb3a5", colorError: "#ffa79d", colorSuccess: "#63c592", colorWarning: "#f0c265", colorText: "#e6eaea", colorTextSecondary: "#aab4b4", colorTextPlaceholder: "#8d9898", colorBgBase: "#171a1a", colorBorder: "#3b4343", colorBorderSecondary: "#2a3030", colorBgContainer: "#171a1a", colorBgElevated: "#1f2424", colorTextLightSolid: "#06201d" },
};

/** Everything in it looks as it is: not for this reader to change. */
export function ReadOnly({ when, children }: { when: boolean; children: ReactNode }) {
  return <ConfigProvider componentDisabled={when}>{children}</ConfigProvider>;
}

interface Props {
  theme: ThemeChoice;
  locale: Locale;
  children: ReactNode;
}

/** Gives the kit its colours, sizes and sentences. */
export function UiProvider({ theme, locale, children }: Props) {
  const systemDark = useMedia(darkQuery);
  const still = useMedia(motionQuery);
  const dark = theme === "dark" || (theme === "system" && systemDark);
  const [antLocale, setAntLocale] = useState<AntLocale>();

  useEffect(() => paintTheme(theme), [theme, systemDark]);
  useEffect(() => {
    let wanted = true;
    void antLocales[locale]().then((loaded) => {
      if (!wanted) return;
      dayjs.locale(locale === "zh-CN" ? "zh-cn" : "en");
      setAntLocale(loaded.default);
    });
    return () => {
      wanted = false;
    };
  }, [locale]);

  const config = useMemo(
    () => ({
      algorithm: dark ? antTheme.darkAlgorithm : antTheme.defaultAlgorithm,
      token: {
        ...(dark ? palette.dark : palette.light),
        colorLink: dark ? palette.dark.colorPrimary : palette.light.colorPrimary,
        fontFamily: "var(--font)",
        fontSize: 14,
        borderRadius: 6,
        controlHeight: 32,
        wireframe: false,
        ...(still && brief),
      },
      components: {
        Button: { primaryShadow: "none", defaultShadow: "none", dangerShadow: "none", fontWeight: 500 },
        Table: { headerBg: "var(--bg-side)", headerSplitColor: "transparent", cellPaddingBlockMD: 9 },
      },
    }),
    [dark, still],
  );

  return (
    <ConfigProvider theme={config} {...(antLocale ? { locale: antLocale } : {})} wave={{ disabled: true }} button={{ autoInsertSpace: false }}>
      <AntApp component={false} message={{ maxCount: 1 }}>
        <ToastBridge />
        {children}
      </AntApp>
    </ConfigProvider>
  );
}
