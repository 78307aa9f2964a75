import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Conversation } from "@/api/types";
import { replySubject } from "./mail-subject";

/** To whom the answer goes and under which subject. */
export function MailHead({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const { id } = conversation.customer;
  const identities = useQuery({ queryKey: keys.identities(id), queryFn: ({ signal }) => api.identities(id, signal) }).data?.items ?? [];
  const to = identities.find((identity) => identity.id === conversation.identity_id)?.value;
  return (
    <dl className="mail-head" data-testid="mail-head">
      <div>
        <dt>{t("mail.to")}</dt>
        <dd>{to ?? t("common.notAvailable")}</dd>
      </div>
      <div>
        <dt>{t("mail.subjectLabel")}</dt>
        <dd>{replySubject(conversation.subject ?? "") || t("mail.noSubject")}</dd>
      </div>
    </dl>
  );
}
