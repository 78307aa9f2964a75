import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { ThemeChoice } from "@/api/types";
import { locales, setLocale } from "@/i18n";
import { Select } from "@/ui";
import { changeSettings, useSettings } from "./settings";
import "./session.css";

const themes: ThemeChoice[] = ["system", "light", "dark"];

/** The frame of the pages one sees before being signed in. */
export function SessionFrame({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  const { locale, theme } = useSettings();
  return (
    <main className="session">
      <div className="session-card">
        <div className="session-brand">
          <img src="/favicon.svg" alt="" />
          <h1>{title}</h1>
        </div>
        {children}
        <div className="session-foot">
          <Select
            variant="borderless"
            size="small"
            aria-label={t("locale.label")}
            value={locale}
            onChange={(next) => {
              changeSettings({ locale: next });
              void setLocale(next);
            }}
            options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))}
          />
          <Select
            variant="borderless"
            size="small"
            aria-label={t("theme.label")}
            value={theme}
            onChange={(next) => changeSettings({ theme: next })}
            options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))}
          />
        </div>
      </div>
    </main>
  );
}
