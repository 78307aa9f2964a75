import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { Alert, Button, Field, FormProblem, Input, PasswordInput } from "@/ui";
import { useEnter } from "./enter";
import { SessionFrame } from "./SessionFrame";

/** Signs in with email and password. `ended` tells that a session just ended by itself. */
export function SignIn({ next, ended }: { next: string | undefined; ended: boolean }) {
  const { t } = useTranslation();
  const enter = useEnter();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState<{ email?: string; password?: string }>({});
  const signIn = useMutation({
    mutationFn: () => api.signIn(email.trim(), password),
    onSuccess: (me) => enter(me, next),
  });

  useEffect(() => {
    document.title = "Fanward";
    api.setup().then(
      (setup) => {
        if (setup.signed_in) void api.me().then((me) => enter(me, next));
      },
      () => {
        // Being unreachable shows when one tries to sign in.
      },
    );
    // Once: later renders must not sign anybody in.
  }, []);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const problems = {
      ...(email.trim() ? {} : { email: t("signIn.emailMissing") }),
      ...(password ? {} : { password: t("signIn.passwordMissing") }),
    };
    setMissing(problems);
    if (!problems.email && !problems.password) signIn.mutate();
  };

  return (
    <SessionFrame title={t("signIn.title")}>
      <form onSubmit={submit} noValidate>
        {ended && !signIn.error && <Alert tone="info">{t("signIn.ended")}</Alert>}
        <FormProblem error={signIn.error} />
        <Field label={t("signIn.email")} error={missing.email}>
          {(ids) => (
            <Input {...ids} data-testid="sign-in-email" type="email" autoComplete="username" autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
          )}
        </Field>
        <Field label={t("signIn.password")} error={missing.password}>
          {(ids) => (
            <PasswordInput {...ids} data-testid="sign-in-password" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.target.value)} />
          )}
        </Field>
        <Button data-testid="sign-in-submit" type="primary" htmlType="submit" block loading={signIn.isPending}>
          {t("signIn.submit")}
        </Button>
        <p className="session-help">{t("signIn.help")}</p>
      </form>
    </SessionFrame>
  );
}
