import { memo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import type { Delivery, Message } from "@/api/types";
import { customerName } from "@/features/customers/name";
import { useMe, usePermission } from "@/features/session/me";
import { clock, full } from "@/i18n/format";
import { describe, sentenceFor } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { patchDelivery } from "@/realtime/thread";
import { Avatar, Button, Modal, Tag, toastError } from "@/ui";
import { activityText } from "./activity";
import { Attachments } from "./Attachments";
import { linkify } from "./linkify";
import type { Pending } from "./outbox";
import { useSending } from "./send";

function DeliveryMark({ message, delivery }: { message: Message; delivery: Delivery }) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const allowed = usePermission("inbox.reply");
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const { state } = delivery;
  const retry = async () => {
    setAsking(false);
    setBusy(true);
    try {
      const next = await api.retryDelivery(delivery.id);
      if (next?.id) feed.patchThread(message.conversation_id, (thread) => patchDelivery(thread, message.seq, next));
    } catch (error) {
      toastError(describe(error));
    } finally {
      setBusy(false);
    }
  };
  if (state !== "failed" && state !== "unknown") return <span>{t(`delivery.${state}`)}</span>;
  const reason = delivery.error_code ? (sentenceFor({ code: delivery.error_code }) ?? delivery.error_code) : null;
  return (
    <>
      <span title={state === "unknown" ? t("delivery.unknownHelp") : undefined}>
        {state === "unknown" ? t("delivery.unknown") : reason ? t("delivery.failed", { reason }) : t("delivery.failedPlain")}
      </span>
      {allowed && (
        <Button type="link" size="small" loading={busy} onClick={() => (state === "unknown" ? setAsking(true) : void retry())}>
          {t("delivery.retry")}
        </Button>
      )}
      {asking && (
        <Modal open title={t("delivery.confirmUnknown")} okText={t("delivery.retry")} cancelText={t("common.cancel")} onOk={() => void retry()} onCancel={() => setAsking(false)}>
          {t("delivery.unknownHelp")}
        </Modal>
      )}
    </>
  );
}

interface FrameProps {
  author: string;
  /** The name whose letters the face shows; one's own is not "You". */
  face: string;
  seed: string;
  follows: boolean;
  note: boolean;
  /** Written by a program with an API token, not by a person. */
  program?: boolean;
  at: string;
  children: ReactNode;
}

function MessageFrame({ author, face, seed, follows, note, program, at, children }: FrameProps) {
  const { t } = useTranslation();
  return (
    <>
      <span className="msg-face">{!follows && <Avatar name={face} seed={seed} size={28} />}</span>
      <div className="msg-body">
        {follows ? (
          <span className="visually-hidden">
            {author} <time dateTime={at}>{clock(at)}</time>
          </span>
        ) : (
          <div className="msg-by">
            <span>{author}</span>
            {program && <Tag>{t("thread.program")}</Tag>}
            {note && <span title={t("thread.noteHelp")}>{t("thread.note")}</span>}
            <time dateTime={at} title={full(at)}>
              {clock(at)}
            </time>
          </div>
        )}
        {children}
      </div>
    </>
  );
}

interface Props {
  message: Message;
  /** The customer's name, for messages that carry none. */
  customer: { id: string; name?: string | null; label: string };
  /** Same author shortly after: name and face are left out. */
  follows: boolean;
}

/** One message of the thread, whatever its kind. */
export const MessageItem = memo(function MessageItem({ message, customer, follows }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const { feed } = useRealtime();
  if (message.kind === "activity") {
    return (
      <div className="activity" data-testid="message" data-seq={message.seq} data-direction={message.direction} data-kind="activity">
        {message.activity ? (activityText(message.activity, me.id) ?? message.activity.code) : message.body}{" "}
        <time dateTime={message.created_at} title={full(message.created_at)}>
          {clock(message.created_at)}
        </time>
      </div>
    );
  }
  const mine = message.author.kind === "teammate" && message.author.id === me.id;
  const author = mine ? t("inbox.you") : (message.author.name ?? (message.author.kind === "customer" ? customerName(customer) : "Fanward"));
  const seed = message.author.kind === "customer" ? customer.id : (message.author.id ?? author);
  const state = message.delivery?.state;
  const tone = state === "failed" ? "danger" : state === "unknown" ? "warn" : undefined;
  return (
    <div className="msg" data-testid="message" data-seq={message.seq} data-direction={message.direction} data-kind={message.kind} data-client-key={message.client_key ?? undefined} data-follows={follows ? "" : undefined} data-failed={state === "failed" ? "" : undefined}>
      <MessageFrame author={author} face={mine ? me.name : author} seed={seed} follows={follows} note={message.kind === "note"} program={message.author.kind === "system"} at={message.created_at}>
        {message.body && <div className="bubble">{linkify(message.body)}</div>}
        <Attachments attachments={message.attachments} onExpired={() => void feed.refreshMessage(message)} />
        {message.delivery && state !== "delivered" && state !== "read" && state !== "sent" && (
          <div className="msg-foot" data-tone={tone} data-testid="delivery" data-state={state}>
            <DeliveryMark message={message} delivery={message.delivery} />
          </div>
        )}
      </MessageFrame>
    </div>
  );
});

/** A message written here that the server has not confirmed yet. */
export function PendingItem({ pending }: { pending: Pending }) {
  const { t } = useTranslation();
  const me = useMe();
  const { retry, discard } = useSending();
  const failed = pending.state === "failed";
  const problem = pending.problem;
  const reason = problem ? (sentenceFor(problem) ?? problem.detail ?? t("problem.unexpected")) : "";
  return (
    <div className="msg" data-testid="message" data-direction={pending.kind === "note" ? "internal" : "out"} data-kind={pending.kind} data-pending={failed ? undefined : ""} data-failed={failed ? "" : undefined} data-state={pending.state} data-client-key={pending.clientKey}>
      <MessageFrame author={t("inbox.you")} face={me.name} seed={me.id} follows={false} note={pending.kind === "note"} at={pending.createdAt}>
        {pending.body && <div className="bubble">{linkify(pending.body)}</div>}
        <Attachments attachments={pending.attachments} onExpired={() => {}} />
        <div className="msg-foot" data-tone={failed ? "danger" : undefined}>
          {failed ? (
            <>
              <span role="alert">{t("thread.failedToSend", { reason })}</span>
              <Button type="link" size="small" data-testid="message-retry" onClick={() => void retry(pending)}>
                {t("thread.retry")}
              </Button>
              <Button type="link" size="small" danger onClick={() => discard(pending)}>
                {t("thread.discard")}
              </Button>
            </>
          ) : (
            <span>{t("thread.sending")}</span>
          )}
        </div>
      </MessageFrame>
    </div>
  );
}
