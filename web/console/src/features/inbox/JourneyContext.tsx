import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Conversation } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { full, soon } from "@/i18n/format";
import { JourneysIcon, useNow } from "@/ui";

/** Says above the thread what the customer is answering. */
export function JourneyContext({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const now = useNow();
  const mayJourneys = usePermission("journeys.read");
  const asked = conversation.context;
  if (!asked) return null;
  const [before, after] = t("thread.asked", { journey: "\u0002" }).split("\u0002");
  return (
    <details className="asked" data-testid="journey-context" data-journey-id={asked.journey_id}>
      <summary>
        <JourneysIcon />
        <span>
          {before}
          {mayJourneys ? (
            <Link to="/journeys/$journeyId" params={{ journeyId: asked.journey_id }} search={{ node: asked.node_id }}>
              {asked.journey_name}
            </Link>
          ) : (
            <b>{asked.journey_name}</b>
          )}
          {after}
        </span>
        <time dateTime={asked.sent_at} title={full(asked.sent_at)}>
          {t("thread.askedAt", { time: soon(asked.sent_at, now) })}
        </time>
      </summary>
      <div>
        {asked.subject && <strong>{asked.subject}</strong>}
        <p>{asked.body}</p>
      </div>
    </details>
  );
}
