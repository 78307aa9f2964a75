import { useState } from "react";
import { useTranslation } from "react-i18next";
import { locales } from "@/i18n";
import { fieldProblems } from "@/i18n/problem";
import type { AccountValues } from "./AccountFields";
import { isOrigin, parseOrigins } from "./config";

/** The values of a web chat's form, what changed, and what is wrong with it. */
export function useAccountForm(initial: AccountValues, refusal: unknown) {
  const { t } = useTranslation();
  const [start, setStart] = useState(initial);
  const [values, setValues] = useState(initial);
  const [found, setFound] = useState<Record<string, string>>({});

  const check = (): AccountValues | null => {
    const problems: Record<string, string> = {};
    const origins = parseOrigins(values.origins);
    const bad = origins.find((origin) => !isOrigin(origin));
    if (!values.name.trim()) problems.name = t("accounts.nameMissing");
    if (origins.length === 0) problems.origins = t("accounts.originsMissing");
    else if (bad) problems.origins = t("accounts.originInvalid", { origin: bad });
    for (const locale of locales) {
      if (!values.config.title[locale].trim()) problems[`title.${locale}`] = t("accounts.titleMissing");
    }
    setFound(problems);
    return Object.keys(problems).length > 0 ? null : { ...values, name: values.name.trim(), config: { ...values.config, origins } };
  };

  return {
    values,
    setValues,
    dirty: JSON.stringify(values) !== JSON.stringify(start),
    problems: { ...fieldProblems(refusal), ...found },
    /** The values to send, or null when something is missing. */
    check,
    reset: (to?: AccountValues) => {
      if (to) setStart(to);
      setValues(to ?? start);
      setFound({});
    },
  };
}
