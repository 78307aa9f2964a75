import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { CheckStep } from "@/api/types";
import { i18n } from "@/i18n";
import { sentenceFor } from "@/i18n/problem";
import { BusyIcon, CloseIcon, ResolveIcon } from "@/ui";

/** Steps are named by the channel; ones this version does not know show their own name. */
const untyped = i18n as unknown as { exists(key: string): boolean; t(key: string): string };

function stepName(channel: string, name: string): string {
  const key = `account.step.${channel}.${name}`;
  return untyped.exists(key) ? untyped.t(key) : name;
}

/** What trying a connection found: a tick for each step, and at the failing one its cause and cure. */
export function CheckSteps({ channel, steps }: { channel: string; steps: CheckStep[] }) {
  const { t } = useTranslation();
  const worked = steps.every((step) => step.ok);
  return (
    <div className="check" role="status" data-testid="check-steps" data-ok={worked}>
      <ol>
        {steps.map((step) => (
          <li key={step.name} data-ok={step.ok} data-testid="check-step">
            {step.ok ? <ResolveIcon aria-label={t("accounts.stepWorked")} /> : <CloseIcon aria-label={t("accounts.stepFailed")} />}
            <div>
              <strong>{stepName(channel, step.name)}</strong>
              {!step.ok && (
                <p>
                  {(step.code && sentenceFor({ code: step.code, params: step.params })) || t("accounts.stepUnknown")} {step.code && <code>{step.code}</code>}
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
      {worked && <p>{t(steps.length > 0 ? "accounts.checkWorked" : "accounts.checkNothing")}</p>}
    </div>
  );
}

interface BarProps {
  channel: string;
  steps: CheckStep[] | null;
  checking: boolean;
  children?: ReactNode;
}

/** What trying a connection finds, and what one can do then. */
export function CheckBar({ channel, steps, checking, children }: BarProps) {
  const { t } = useTranslation();
  return (
    <div className="check-bar">
      {checking && (
        <p className="muted" role="status">
          <BusyIcon /> {t("accounts.checking")}
        </p>
      )}
      {steps && <CheckSteps channel={channel} steps={steps} />}
      {children && <div className="check-acts">{children}</div>}
    </div>
  );
}
