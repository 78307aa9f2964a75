import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "@/api/types";
import { tellsDelivery } from "@/features/channels/channels";
import { customerMark, customerName } from "@/features/customers/name";
import { useMe } from "@/features/session/me";
import { clock, full } from "@/i18n/format";
import { sentenceFor } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { Avatar, Button, Tag } from "@/ui";
import { ActivityLine } from "./ActivityLine";
import { Attachments } from "./Attachments";
import { DeliveryMark } from "./DeliveryMark";
import { linkify } from "./linkify";
import { MailBody, MailLines } from "./MailParts";
import type { Pending } from "./outbox";
import { PayloadCard } from "./PayloadCard";
import { useSending } from "./send";

interface FrameProps {
  author: string;
  /** The name whose letters the face shows; one's own is not "You". */
  face: string;
  mark?: string | undefined;
  seed: string;
  follows: boolean;
  note: boolean;
  /** Written by a program with an API token, not by a person. */
  program?: boolean;
  at: string;
  children: ReactNode;
}

function MessageFrame({ author, face, mark, seed, follows, note, program, at, children }: FrameProps) {
  const { t } = useTranslation();
  return (
    <>
      <span className="msg-face">{!follows && <Avatar name={face} mark={mark} seed={seed} size={28} />}</span>
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
  channel: string;
  subject: string | null;
  /** Whether the channel allows another message now. */
  mayWrite: boolean;
  /** Same author shortly after: name and face are left out. */
  follows: boolean;
}

/** One message of the thread, whatever its kind. */
export const MessageItem = memo(function MessageItem({ message, customer, channel, subject, mayWrite, follows }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const { feed } = useRealtime();
  if (message.kind === "activity") return <ActivityLine message={message} />;
  const mine = message.author.kind === "teammate" && message.author.id === me.id;
  const theirs = message.author.kind === "customer";
  const author = mine ? t("inbox.you") : (message.author.name ?? (theirs ? customerName(customer) : "Fanward"));
  const seed = theirs ? customer.id : (message.author.id ?? author);
  const mark = theirs && !message.author.name ? customerMark(customer) : undefined;
  const state = message.delivery?.state;
  return (
    <div className="msg" data-testid="message" data-seq={message.seq} data-direction={message.direction} data-kind={message.kind} data-client-key={message.client_key ?? undefined} data-follows={follows ? "" : undefined} data-failed={state === "failed" ? "" : undefined}>
      <MessageFrame author={author} face={mine ? me.name : author} mark={mark} seed={seed} follows={follows} note={message.kind === "note"} program={message.author.kind === "system"} at={message.created_at}>
        <MailLines message={message} subject={subject} />
        <MailBody message={message} />
        <PayloadCard raw={message.payload} />
        <Attachments attachments={message.attachments} onExpired={() => void feed.refreshMessage(message)} />
        {message.delivery && <DeliveryMark message={message} delivery={message.delivery} tells={tellsDelivery(channel)} mayWrite={mayWrite} />}
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
