import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import type { Delivery, Message } from "@/api/types";
import { usePermission } from "@/features/session/me";
import { full } from "@/i18n/format";
import { describe, sentenceFor } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { patchDelivery } from "@/realtime/thread";
import { BusyIcon, Button, DeliveredIcon, Modal, ReadIcon, SentIcon, SnoozeIcon, toastError } from "@/ui";

/** Refusals that only the customer can lift, by writing again. */
const waitsForCustomer = new Set(["reply_window_closed", "reply_allowance_spent", "reply_allowance_short"]);

/** A delivery's reason in words; null when there is none. */
export function reasonOf(delivery: Pick<Delivery, "error_code">): string | null {
  return delivery.error_code ? (sentenceFor({ code: delivery.error_code }) ?? delivery.error_code) : null;
}

/** What the provider itself said about a delivery that it did not take. */
export function ProviderSaid({ delivery }: { delivery: Pick<Delivery, "error_detail"> }) {
  const { t } = useTranslation();
  if (!delivery.error_detail) return null;
  return (
    <span className="provider-said" data-testid="provider-said">
      {t("delivery.said", { words: delivery.error_detail })}
    </span>
  );
}

/** Sends a failed or unknown delivery again. An unknown one may arrive twice, so that is asked first. */
export function RetryDelivery({ delivery, onRetried, block }: { delivery: Delivery; onRetried: (next: Delivery | undefined) => void; block?: boolean }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const unknown = delivery.state === "unknown";
  const retry = async () => {
    setAsking(false);
    setBusy(true);
    try {
      onRetried(await api.retryDelivery(delivery.id));
    } catch (error) {
      toastError(describe(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button type={block ? "default" : "link"} size="small" loading={busy} data-testid="delivery-retry" onClick={() => (unknown ? setAsking(true) : void retry())}>
        {t("delivery.retry")}
      </Button>
      {asking && (
        <Modal open title={t("delivery.confirmUnknown")} okText={t("delivery.retry")} cancelText={t("common.cancel")} okButtonProps={{ "data-testid": "dialog-submit" }} onOk={() => void retry()} onCancel={() => setAsking(false)}>
          {t("delivery.unknownHelp")}
        </Modal>
      )}
    </>
  );
}

const icons = { queued: SnoozeIcon, claimed: BusyIcon, sending: BusyIcon, sent: SentIcon, delivered: DeliveredIcon, read: ReadIcon, cancelled: SnoozeIcon };

function Trouble({ message, delivery, mayWrite }: { message: Message; delivery: Delivery; mayWrite: boolean }) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const allowed = usePermission("inbox.reply");
  const unknown = delivery.state === "unknown";
  const reason = reasonOf(delivery);
  const pointless = !mayWrite && waitsForCustomer.has(delivery.error_code ?? "");
  const retried = (next: Delivery | undefined) => {
    if (next?.id) feed.patchThread(message.conversation_id, (thread) => patchDelivery(thread, message.seq, next));
  };
  return (
    <>
      <span title={unknown ? t("delivery.unknownHelp") : undefined}>{unknown ? t("delivery.unknown") : reason ? t("delivery.failed", { reason }) : t("delivery.failedPlain")}</span>
      <ProviderSaid delivery={delivery} />
      {allowed && !pointless && <RetryDelivery delivery={delivery} onRetried={retried} />}
    </>
  );
}

interface Props {
  message: Message;
  delivery: Delivery;
  /** Says also of messages that went well how far they came. */
  tells: boolean;
  /** Whether the channel allows another message now. */
  mayWrite: boolean;
}

/** How far a message came, and what one can do when it did not. */
export function DeliveryMark({ message, delivery, tells, mayWrite }: Props) {
  const { t } = useTranslation();
  const { state } = delivery;
  const trouble = state === "failed" || state === "unknown";
  const done = state === "sent" || state === "delivered" || state === "read";
  if (done && !tells) return null;
  const again = state === "queued" && delivery.attempt > 0 ? reasonOf(delivery) : null;
  const Icon = trouble ? null : icons[state];
  return (
    <div className="msg-foot" data-tone={state === "failed" ? "danger" : state === "unknown" || again ? "warn" : undefined} data-testid="delivery" data-state={state} title={trouble ? undefined : (again ?? full(delivery.updated_at))}>
      {trouble ? (
        <Trouble message={message} delivery={delivery} mayWrite={mayWrite} />
      ) : (
        <span className="delivery-state">
          {Icon && <Icon />}
            {again ? t("delivery.again") : t(`delivery.${state}`)}
        </span>
      )}
    </div>
  );
}
