import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { Alert, Button, FormProblem } from "@/ui";
import { useEnter } from "./enter";
import { SessionFrame } from "./SessionFrame";

/** The token of the address, kept while the page is drawn anew. */
let carried = "";

/** Takes the token out of the address: it must not stay in the history or be copied with it. */
function takeToken(): string {
  const found = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (found) {
    carried = found;
    window.history.replaceState(window.history.state, "", window.location.pathname);
  }
  return carried;
}

/**
 * Signs in by a one-time link. It waits for a click, because mail scanners
 * and link previews open addresses and would use the token up.
 */
export function SignInLink() {
  const { t } = useTranslation();
  const enter = useEnter();
  const [token] = useState(takeToken);
  const signIn = useMutation({
    mutationFn: () => api.signInByLink(token),
    onSuccess: (me) => {
      carried = "";
      enter(me, undefined);
    },
  });

  return (
    <SessionFrame title={signIn.error || !token ? t("signIn.linkTitle") : t("signIn.title")}>
      <div className="session-box">
        {!token && <Alert>{t("signIn.linkMissing")}</Alert>}
        <FormProblem error={signIn.error} />
        {token && !signIn.error && (
          <>
            <p>{t("signIn.linkReady")}</p>
            <Button data-testid="sign-in-link-submit" type="primary" block autoFocus loading={signIn.isPending} onClick={() => signIn.mutate()}>
              {t("signIn.signInAs")}
            </Button>
          </>
        )}
        {(signIn.error || !token) && (
          <>
            <p className="session-help">{t("signIn.help")}</p>
            <Link to="/sign-in">{t("signIn.toPassword")}</Link>
          </>
        )}
      </div>
    </SessionFrame>
  );
}
