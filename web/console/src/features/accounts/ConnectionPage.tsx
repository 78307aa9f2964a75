import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Account } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { Alert, Button, FormProblem, Page } from "@/ui";
import { SaveBar } from "@/ui/save-bar";
import { CheckBar } from "./CheckSteps";
import { HealthNote } from "./HealthNote";
import { StatusControl } from "./StatusControl";
import type { Connection } from "./useConnection";

interface FormProps<C extends object> {
  connection: Connection<C>;
  channel: string;
  children: ReactNode;
}

/** A new account's form: it is tried before it is made. */
export function NewConnection<C extends object>({ connection, channel, children }: FormProps<C>) {
  const { t } = useTranslation();
  return (
    <form
      className="connection-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        connection.checkAndSave();
      }}
    >
      <FormProblem error={connection.refusal} />
      {children}
      <CheckBar channel={channel} steps={connection.steps} checking={connection.checking}>
        {!connection.dirty && (
          <Button type="primary" htmlType="submit" data-testid="connect" loading={connection.checking}>
            {t("accounts.checkAndConnect")}
          </Button>
        )}
        {connection.steps?.some((step) => !step.ok) && (
          <Button data-testid="connect-anyway" loading={connection.saving} onClick={connection.save}>
            {t("accounts.connectAnyway")}
          </Button>
        )}
      </CheckBar>
      <SaveBar dirty={connection.dirty} busy={connection.saving || connection.checking} saveLabel={t("accounts.checkAndConnect")} onSave={connection.checkAndSave} onDiscard={connection.discard} />
    </form>
  );
}

/** A stored account's page: its health, its form, and what to do on the other side. */
export function ConnectionPage<C extends object>({ connection, account, channel, children, below }: FormProps<C> & { account: Account; below?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Page
      narrow
      title={account.name}
      lead={
        <>
          <Link to="/accounts">{t("accounts.title")}</Link> · <ChannelIcon channel={channel} silent /> {channelName(channel)}
        </>
      }
      actions={<StatusControl account={account} />}
    >
      <form
        className="connection-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          connection.save();
        }}
      >
        {account.sandbox && <Alert tone="info">{t("accounts.sandboxChannelHelp")}</Alert>}
        <HealthNote account={account} />
        <FormProblem error={connection.refusal} />
        {children}
        <CheckBar channel={channel} steps={connection.steps} checking={connection.checking}>
          <Button data-testid="check-connection" loading={connection.checking} onClick={connection.check}>
            {t("accounts.checkAct")}
          </Button>
        </CheckBar>
        <SaveBar dirty={connection.dirty} busy={connection.saving} onSave={connection.save} onDiscard={connection.discard} />
      </form>
      {below && <div className="connection-below">{below}</div>}
    </Page>
  );
}
