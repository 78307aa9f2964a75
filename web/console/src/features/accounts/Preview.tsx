import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Locale, WebchatConfig } from "@/api/types";
import { locales } from "@/i18n";
import { Segmented, WebchatIcon } from "@/ui";
import { readableOn } from "./config";
import { previewWords } from "./words";

/** How the chat will look on the website, as one types. */
export function Preview({ config }: { config: WebchatConfig }) {
  const { t } = useTranslation();
  const [locale, setLocale] = useState<Locale>(config.default_locale);
  const words = previewWords(locale);
  const paint = { background: config.color, color: readableOn(config.color) };
  return (
    <div className="account-side">
      <Segmented block size="small" aria-label={t("locale.label")} value={locale} onChange={setLocale} options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))} />
      <div className="preview-page" data-position={config.position} role="img" aria-label={t("accounts.preview")} lang={locale}>
        <div className="preview-chat">
          <header style={paint}>{config.title[locale]}</header>
          <div className="preview-log">
            {config.greeting[locale] && <p data-from="us">{config.greeting[locale]}</p>}
            <p data-from="visitor" style={paint}>
              {words.reply}
            </p>
          </div>
          <div className="preview-write">{words.write}</div>
        </div>
        <span className="preview-launcher" style={paint}>
          <WebchatIcon />
        </span>
      </div>
    </div>
  );
}
