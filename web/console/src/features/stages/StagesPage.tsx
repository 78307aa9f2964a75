import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usePermission } from "@/features/session/me";
import { Button, ErrorState, PreferencesIcon, Skeleton } from "@/ui";
import { Board } from "./Board";
import { MovementCard } from "./MovementCard";
import { useStageList } from "./queries";
import { StageSettings } from "./StageSettings";
import "@/features/customers/customers.css";
import "@/features/teammates/teammates.css";
import "./stages.css";

/** Where everybody stands, and how people move between the stages. */
export function StagesPage() {
  const { t } = useTranslation();
  const manage = usePermission("stages.manage");
  const [settings, setSettings] = useState(false);
  const query = useStageList();
  const stages = query.data?.items ?? [];
  return (
    <div className="ui-page stages-page">
      <div className="ui-page-inner">
        <header className="ui-page-head">
          <div>
            <h1>{t("stages.title")}</h1>
            <p>{t("stages.lead")}</p>
          </div>
          {manage && (
            <Button icon={<PreferencesIcon />} data-testid="stage-settings" onClick={() => setSettings(true)}>
              {t("stages.settings")}
            </Button>
          )}
        </header>
        {query.isPending ? (
          <Skeleton lines={8} />
        ) : query.isError && stages.length === 0 ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <>
            <Board stages={stages} />
            <MovementCard stages={stages} />
          </>
        )}
        {settings && <StageSettings stages={stages} onClose={() => setSettings(false)} />}
      </div>
    </div>
  );
}
