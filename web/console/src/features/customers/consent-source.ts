import { i18n } from "@/i18n";
import type { Consent } from "@/api/types";

/** Where it was said: in a teammate's or a program's words, or behind the link that our own mails carry. */
export const sourceWords = ({ source }: Consent): string => (source === "unsubscribe link" ? i18n.t("consents.unsubscribeLink") : source);
