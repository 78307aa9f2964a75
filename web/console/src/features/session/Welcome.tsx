import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Locale, Me } from "@/api/types";
import { locales, setLocale } from "@/i18n";
import { fieldProblems } from "@/i18n/problem";
import { Button, Field, FormProblem, Input, PasswordInput, Segmented } from "@/ui";
import { useMe } from "./me";
import { changeSettings } from "./settings";
import { SessionFrame } from "./SessionFrame";

/** The first thing an invited teammate sees: name, password, language. */
export function Welcome() {
  const { t } = useTranslation();
  const me = useMe();
  const cache = useQueryClient();
  const navigate = useNavigate();
  // The first owner is made by the program, without an address of their own.
  const asksEmail = me.email.endsWith("@localhost");
  const [email, setEmail] = useState(asksEmail ? "" : me.email);
  const [name, setName] = useState(me.name);
  const [password, setPassword] = useState("");
  const [locale, chooseLocale] = useState<Locale>(me.locale);
  const [missing, setMissing] = useState<{ name?: string; email?: string; password?: string }>({});

  const start = useMutation({
    mutationFn: async () => {
      const saved = await api.updateMe({ name: name.trim(), locale, ...(asksEmail ? { email: email.trim() } : {}) });
      await api.setPassword({ password });
      return saved;
    },
    onSuccess: (saved) => {
      cache.setQueryData<Me>(keys.me, { ...me, ...saved, has_password: true });
      void navigate({ to: "/", replace: true });
    },
  });
  const refused = fieldProblems(start.error);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const problems = {
      ...(name.trim() ? {} : { name: t("welcome.nameMissing") }),
      ...(/^\S+@\S+$/.test(email.trim()) ? {} : { email: t("welcome.emailMissing") }),
      ...([...password].length >= 10 ? {} : { password: t("welcome.passwordShort") }),
    };
    setMissing(problems);
    if (Object.keys(problems).length === 0) start.mutate();
  };

  return (
    <SessionFrame title={t("welcome.title")}>
      <form onSubmit={submit} noValidate>
        <p className="session-help">{t("welcome.lead")}</p>
        <FormProblem error={start.error} />
        {asksEmail ? (
          <Field label={t("welcome.email")} help={t("welcome.emailHelp")} error={missing.email ?? refused.email}>
            {(ids) => (
              <Input {...ids} type="email" autoComplete="username" data-testid="welcome-email" value={email} onChange={(e) => setEmail(e.target.value)} />
            )}
          </Field>
        ) : (
          <input type="hidden" autoComplete="username" value={me.email} readOnly />
        )}
        <Field label={t("welcome.name")} help={t("welcome.nameHelp")} error={missing.name ?? refused.name}>
          {(ids) => <Input {...ids} autoComplete="name" data-testid="welcome-name" value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label={t("welcome.password")} help={t("welcome.passwordHelp")} error={missing.password ?? refused.password}>
          {(ids) => (
            <PasswordInput {...ids} autoComplete="new-password" data-testid="welcome-password" value={password} onChange={(e) => setPassword(e.target.value)} />
          )}
        </Field>
        <Segmented
          block
          aria-label={t("locale.label")}
          value={locale}
          onChange={(next) => {
            chooseLocale(next);
            changeSettings({ locale: next });
            void setLocale(next);
          }}
          options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))}
        />
        <Button data-testid="welcome-submit" type="primary" htmlType="submit" block loading={start.isPending}>
          {t("welcome.submit")}
        </Button>
      </form>
    </SessionFrame>
  );
}
