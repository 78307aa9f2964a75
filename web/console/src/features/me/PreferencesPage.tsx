import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Me, ThemeChoice } from "@/api/types";
import { playTone } from "@/features/inbox/useIncomingNotices";
import { useMe, useUpdateMe } from "@/features/session/me";
import { changeSettings, useSettings } from "@/features/session/settings";
import { modKey } from "@/features/shell/keyboard";
import { locales } from "@/i18n";
import { fieldProblems } from "@/i18n/problem";
import { Button, Field, FormProblem, Input, Page, PasswordInput, Section, Segmented, Switch, Toggle, toast } from "@/ui";
import { SaveBar } from "@/ui/save-bar";

const themes: ThemeChoice[] = ["system", "light", "dark"];

function Profile() {
  const { t } = useTranslation();
  const me = useMe();
  const update = useUpdateMe();
  const [name, setName] = useState(me.name);
  const [missing, setMissing] = useState<string>();
  const problems = fieldProblems(update.error);
  const submit = () => {
    setMissing(name.trim() ? undefined : t("welcome.nameMissing"));
    if (name.trim()) update.mutate({ name: name.trim() }, { onSuccess: () => toast(t("common.saved")) });
  };
  return (
    <Section title={t("prefs.profile")}>
      <form
        style={{ display: "grid", gap: 16 }}
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field label={t("prefs.name")} help={t("prefs.nameHelp")} error={missing ?? problems.name}>
          {(ids) => <Input {...ids} data-testid="prefs-name" autoComplete="name" value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label={t("prefs.email")}>{(ids) => <Input {...ids} value={me.email} readOnly />}</Field>
        <SaveBar dirty={name !== me.name} busy={update.isPending} onSave={submit} onDiscard={() => setName(me.name)} />
      </form>
    </Section>
  );
}

function Appearance() {
  const { t } = useTranslation();
  const me = useMe();
  const update = useUpdateMe();
  return (
    <Section title={t("prefs.appearance")}>
      <Toggle label={t("locale.label")}>
        {({ id }) => <Segmented id={id} data-testid="prefs-locale" value={me.locale} onChange={(locale) => update.mutate({ locale })} options={locales.map((value) => ({ value, label: t(`locale.${value}`) }))} />}
      </Toggle>
      <Toggle label={t("theme.label")}>
        {({ id }) => <Segmented id={id} data-testid="prefs-theme" value={me.theme} onChange={(theme) => update.mutate({ theme })} options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))} />}
      </Toggle>
    </Section>
  );
}

function Writing() {
  const { t } = useTranslation();
  const { enterSends } = useSettings();
  return (
    <Section title={t("prefs.writing")}>
      <Toggle label={t("prefs.enterSends")} help={t("prefs.enterSendsHelp", { key: `${modKey} Enter` })}>
        {({ id }) => <Switch id={id} data-testid="prefs-enter-sends" checked={enterSends} onChange={(on) => changeSettings({ enterSends: on })} />}
      </Toggle>
    </Section>
  );
}

function permissionNow(): NotificationPermission | "unsupported" {
  return "Notification" in window ? Notification.permission : "unsupported";
}

function Notices() {
  const { t } = useTranslation();
  const { sound, notifications } = useSettings();
  const [permission, setPermission] = useState(permissionNow);
  const ask = async () => {
    const answer = await Notification.requestPermission();
    setPermission(answer);
    if (answer === "granted") changeSettings({ notifications: true });
  };
  const help = { granted: t("prefs.desktopOn"), denied: t("prefs.desktopDenied"), default: t("prefs.desktopHelp"), unsupported: t("prefs.desktopUnsupported") }[permission];
  return (
    <Section title={t("prefs.notices")}>
      <Toggle
        label={t("prefs.sound")}
        help={
          <>
            {t("prefs.soundHelp")}{" "}
            <Button type="link" size="small" onClick={playTone}>
              {t("prefs.soundTry")}
            </Button>
          </>
        }
      >
        {({ id }) => <Switch id={id} data-testid="prefs-sound" checked={sound} onChange={(on) => changeSettings({ sound: on })} />}
      </Toggle>
      <Toggle label={t("prefs.desktop")} help={help}>
        {({ id }) =>
          permission === "default" ? (
            <Button id={id} data-testid="prefs-ask-notifications" onClick={() => void ask()}>
              {t("prefs.desktopAsk")}
            </Button>
          ) : (
            <Switch id={id} disabled={permission !== "granted"} checked={permission === "granted" && notifications} onChange={(on) => changeSettings({ notifications: on })} />
          )
        }
      </Toggle>
    </Section>
  );
}

function Password() {
  const { t } = useTranslation();
  const me = useMe();
  const cache = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [short, setShort] = useState(false);
  const change = useMutation({
    mutationFn: () => api.setPassword({ password: next, ...(me.has_password ? { current_password: current } : {}) }),
    onSuccess: () => {
      cache.setQueryData<Me>(keys.me, (known) => known && { ...known, has_password: true });
      setCurrent("");
      setNext("");
      toast(t("prefs.passwordChanged"));
    },
  });
  const problems = fieldProblems(change.error);
  return (
    <Section title={t("prefs.password")}>
      <form
        style={{ display: "grid", gap: 16 }}
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          const tooShort = [...next].length < 10;
          setShort(tooShort);
          if (!tooShort) change.mutate();
        }}
      >
        <FormProblem error={change.error} />
        <input type="hidden" autoComplete="username" value={me.email} readOnly />
        {me.has_password && (
          <Field label={t("prefs.currentPassword")} error={problems.current_password}>
            {(ids) => <PasswordInput {...ids} autoComplete="current-password" value={current} onChange={(e) => setCurrent(e.target.value)} />}
          </Field>
        )}
        <Field label={t("prefs.newPassword")} help={t("prefs.passwordHelp")} error={short ? t("welcome.passwordShort") : problems.password}>
          {(ids) => <PasswordInput {...ids} autoComplete="new-password" value={next} onChange={(e) => setNext(e.target.value)} />}
        </Field>
        <div>
          <Button htmlType="submit" loading={change.isPending} disabled={next === ""}>
            {t(me.has_password ? "prefs.changePassword" : "prefs.setPassword")}
          </Button>
        </div>
      </form>
    </Section>
  );
}

/** What one may set for oneself. */
export function PreferencesPage() {
  const { t } = useTranslation();
  return (
    <Page narrow title={t("prefs.title")}>
      <Profile />
      <Appearance />
      <Writing />
      <Notices />
      <Password />
    </Page>
  );
}
