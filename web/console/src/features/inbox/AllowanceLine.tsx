import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation, Grant } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { i18n } from "@/i18n";
import { full, soon } from "@/i18n/format";
import { Button, Popover, SnoozeIcon, WarningIcon } from "@/ui";
import { remaining, type Standing } from "./allowance";
import { usePastConversations } from "./queries";

function lengthText(ms: number): string {
  const r = remaining(ms);
  if (r.unit === "hours") return i18n.t("allowance.hours", { hours: r.hours, minutes: r.minutes });
  if (r.unit === "minutes") return i18n.t("allowance.minutes", { minutes: r.minutes });
  return i18n.t("allowance.seconds", { minutes: r.minutes, seconds: r.seconds });
}

const triggers = ["message", "menu", "follow", "scan"] as const;

function triggerName(trigger: string): string {
  const known = triggers.find((name) => name === trigger);
  return known ? i18n.t(`allowance.trigger.${known}`) : trigger;
}

function GrantRow({ grant, now }: { grant: Grant; now: number }) {
  const { t } = useTranslation();
  return (
    <li>
      <strong>{triggerName(grant.trigger)}</strong>
      <span className="num">{t("allowance.ofCount", { left: grant.left, count: grant.count })}</span>
      <span className="num" title={full(grant.until)}>
        {t("allowance.until", { time: soon(grant.until, now), length: lengthText(Date.parse(grant.until) - now) })}
      </span>
    </li>
  );
}

/** How many times and how long one may still write; what it follows from on hover or tap. */
export function AllowanceLine({ standing, now }: { standing: Standing; now: number }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  if (standing.state !== "open") return null;
  const { left, until, urgent, grants } = standing;
  const words = t("allowance.line", { count: left, length: lengthText(until - now) });
  return (
    <Popover
      // A tap may focus, hover or only click, whatever the browser: each one opens it, none closes it again.
      trigger={["hover", "focus"]}
      open={shown}
      onOpenChange={setShown}
      placement="topRight"
      title={t("allowance.title")}
      content={
        <div className="allowance-card">
          <ul>
            {grants.map((grant) => (
              <GrantRow key={`${grant.trigger}${grant.until}`} grant={grant} now={now} />
            ))}
          </ul>
          <p>{t("allowance.help")}</p>
        </div>
      }
    >
      <button type="button" className="allowance" onClick={() => setShown(true)} data-testid="allowance" data-urgent={urgent ? "" : undefined} data-left={left} aria-label={`${t("allowance.title")}: ${words}`}>
        {urgent ? <WarningIcon /> : <SnoozeIcon />}
        <span className="num">{words}</span>
      </button>
    </Popover>
  );
}

const reasons = { spent: "allowance.spent", ended: "allowance.ended", never: "allowance.never" } as const;
const cures = { spent: "allowance.spentCure", ended: "allowance.endedCure", never: "allowance.neverCure" } as const;

/** Says why one cannot write now, and what one can do instead. */
export function WindowClosed({ conversation, why, written, onNote }: { conversation: Conversation; why: "spent" | "ended" | "never"; written: boolean; onNote: () => void }) {
  const { t } = useTranslation();
  const past = usePastConversations(conversation.customer.id);
  const elsewhere = (past.data?.items ?? []).filter((c) => c.channel !== conversation.channel);
  const ways = elsewhere.filter((c, i) => elsewhere.findIndex((other) => other.channel === c.channel) === i);
  return (
    <div className="window-closed" role="status" data-testid="window-closed" data-why={why}>
      <WarningIcon />
      <div>
        <strong>{t(reasons[why])}</strong> {t(cures[why])} {written && t("allowance.draftKept")}
        <div className="window-acts">
          <Button size="small" onClick={onNote}>
            {t("allowance.writeNote")}
          </Button>
          {ways.map((c) => (
            <Link key={c.id} className="window-way" to="/inbox/$conversationId" params={{ conversationId: c.id }} search={{ view: "all", status: "all" }}>
              <ChannelIcon channel={c.channel} silent /> {t("allowance.answerOn", { channel: channelName(c.channel) })}
            </Link>
          ))}
        </div>
      </div>
    </div>
  );
}
