import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { behaviourApi, type CallStatus, type TrackingCall } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { clockExact, full } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";
import { Button, CopyBlock, Drawer, EmptyState, ErrorState, More, SearchIcon, Segmented, Select, Skeleton, Tag, WriteKeysIcon } from "@/ui";
import { useLiveList } from "./useLiveList";

const statuses = ["accepted", "adjusted", "duplicate", "refused"] as const;
const tones: Record<CallStatus, "ok" | "warn" | "danger" | undefined> = { accepted: "ok", adjusted: "warn", duplicate: undefined, refused: "danger" };

type Reason = TrackingCall["reasons"][number];

/** A reason in words: what is wrong, where, and the cure. */
function reasonWords(reason: Reason): string {
  const words = sentenceFor({ code: reason.code, params: reason.params }) ?? reason.code;
  return reason.field ? `${reason.field}: ${words}` : words;
}

function Status({ status }: { status: CallStatus }) {
  const { t } = useTranslation();
  return <Tag tone={tones[status]}>{t(`events.status.${status}`)}</Tag>;
}

function Row({ call, keyName, onOpen }: { call: TrackingCall; keyName: string; onOpen: () => void }) {
  const { t } = useTranslation();
  const who = call.user_id || call.anonymous_id;
  return (
    <li>
      <button type="button" className="call-row" data-testid="call-row" data-status={call.status} data-event={call.event} onClick={onOpen}>
        <time dateTime={call.at} title={full(call.at)}>
          {clockExact(call.at)}
        </time>
        <Status status={call.status} />
        <span className="call-what">
          <b>{call.event || call.type}</b>
          {call.event && call.type !== "track" ? ` · ${call.type}` : ""} <span>{who ? who : t("events.nobody")}</span>
          {call.reasons.length > 0 && <small>{call.reasons.map(reasonWords).join(" ")}</small>}
        </span>
        <span className="call-key">{keyName}</span>
      </button>
    </li>
  );
}

/** What was received, set in lines when it is JSON; it may have been cut. */
function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function Details({ call, keyName }: { call: TrackingCall; keyName: string }) {
  const { t } = useTranslation();
  const body = readable(call.body);
  return (
    <div className="call-details" data-testid="call-details">
      <p>
        <Status status={call.status} /> {t(`events.statusHelp.${call.status}`)}
      </p>
      {call.reasons.length > 0 && (
        <ul className="call-reasons">
          {call.reasons.map((reason, i) => (
            <li key={i}>
              {reasonWords(reason)} <code>{reason.code}</code>
            </li>
          ))}
        </ul>
      )}
      <dl className="facts">
        <dt>{t("events.at")}</dt>
        <dd>{full(call.at)}</dd>
        <dt>{t("events.type")}</dt>
        <dd>{call.type}</dd>
        <dt>{t("events.writeKey")}</dt>
        <dd>{keyName}</dd>
        <dt>messageId</dt>
        <dd className="mono">{call.message_id || t("common.notAvailable")}</dd>
        <dt>userId</dt>
        <dd className="mono">{call.user_id || t("common.notAvailable")}</dd>
        <dt>anonymousId</dt>
        <dd className="mono">{call.anonymous_id || t("common.notAvailable")}</dd>
        {call.customer_id && (
          <>
            <dt>{t("events.person")}</dt>
            <dd>
              <Link to="/customers/$customerId" params={{ customerId: call.customer_id }}>
                {t("panel.profile")}
              </Link>
            </dd>
          </>
        )}
      </dl>
      {body && (
        <>
          <h3>{t("events.body")}</h3>
          <CopyBlock text={body} label={t("events.body")} />
        </>
      )}
    </div>
  );
}

/** Every call of the tracking API as it arrives, with what became of it and why. */
export function Debugger({ status, writeKey }: { status: string | undefined; writeKey: string | undefined }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [open, setOpen] = useState<TrackingCall | null>(null);
  const held = useQuery({ queryKey: keys.writeKeys, queryFn: ({ signal }) => behaviourApi.writeKeys(signal) });
  const writeKeys = held.data?.items ?? [];
  const keyName = (id: string | null) => writeKeys.find((k) => k.id === id)?.name ?? t("events.unknownKey");
  const filter = { ...(status ? { status } : {}), ...(writeKey ? { write_key_id: writeKey } : {}) };
  const { query, rows, button } = useLiveList({ of: "calls" }, keys.trackingCalls(filter), (page, signal) => behaviourApi.trackingCalls({ ...filter, ...page }, signal));
  const go = (next: { status?: string | undefined; key?: string | undefined }) => void navigate({ to: "/events", search: { tab: "debugger", ...(next.status ? { call: next.status } : {}), ...(next.key ? { key: next.key } : {}) }, replace: true });
  const filtered = status !== undefined || writeKey !== undefined;
  return (
    <div className="stack">
      <div className="event-filters">
        <Segmented className="call-statuses" aria-label={t("events.statusLabel")} value={status ?? "all"} onChange={(next) => go({ status: next === "all" ? undefined : next, key: writeKey })} options={[{ value: "all", label: t("events.anyStatus") }, ...statuses.map((value) => ({ value: value as string, label: t(`events.status.${value}`) }))]} />
        <Select allowClear className="event-filter" aria-label={t("events.writeKey")} placeholder={t("events.anyKey")} value={writeKey ?? null} onChange={(next: string | null | undefined) => go({ status, key: next ?? undefined })} options={writeKeys.map((k) => ({ value: k.id, label: k.name }))} />
        {button}
      </div>
      {query.isPending ? (
        <Skeleton lines={8} />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState
          icon={filtered ? <SearchIcon /> : <WriteKeysIcon />}
          title={t(filtered ? "events.noCallMatchTitle" : "events.noCallTitle")}
          actions={filtered ? <Button onClick={() => go({})}>{t("events.clear")}</Button> : <Button onClick={() => void navigate({ to: "/settings/write-keys" })}>{t("events.toKeys")}</Button>}
        >
          {t(filtered ? "events.noMatchBody" : "events.noCallBody")}
        </EmptyState>
      ) : (
        <ul className="event-list" data-testid="call-list">
          {rows.map((call) => (
            <Row key={call.id} call={call} keyName={keyName(call.write_key_id)} onOpen={() => setOpen(call)} />
          ))}
        </ul>
      )}
      <More of={query} />
      <Drawer open={open !== null} title={open ? open.event || open.type : ""} size={520} onClose={() => setOpen(null)} destroyOnHidden>
        {open && <Details call={open} keyName={keyName(open.write_key_id)} />}
      </Drawer>
    </div>
  );
}
