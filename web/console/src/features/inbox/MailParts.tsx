import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "@/api/types";
import { Button, Tag } from "@/ui";
import { measureMail, MAIL_MIN, type Pictures } from "./mail-height";
import { linkify } from "./linkify";
import { bareSubject } from "./mail-subject";
import { readPayload } from "./payload";

/** Who else a mail went to, who sent it where answers go elsewhere, and its subject where that is not the conversation's. */
export function MailLines({ message, subject }: { message: Message; subject: string | null }) {
  const { t } = useTranslation();
  const mail = readPayload(message.payload);
  if (mail?.type !== "mail") return null;
  const changed = mail.subject && bareSubject(mail.subject) !== bareSubject(subject ?? "");
  if (mail.cc.length === 0 && !changed && !mail.automatic && !mail.replyTo) return null;
  return (
    <div className="mail-lines">
      {mail.automatic && <Tag>{t("mail.automatic")}</Tag>}
      {mail.replyTo && <p>{t("mail.replyTo", { from: mail.from.join(t("mail.comma")), address: mail.replyTo })}</p>}
      {changed && <p>{t("mail.subject", { subject: mail.subject })}</p>}
      {mail.cc.length > 0 && <p>{t("mail.cc", { people: mail.cc.join(t("mail.comma")) })}</p>}
    </div>
  );
}

/** The part of a mail that repeats earlier ones, folded. */
function Quoted({ text }: { text: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <div className="mail-quoted">
      <Button type="link" size="small" aria-expanded={open} data-testid="mail-quoted-toggle" onClick={() => setOpen(!open)}>
        {t(open ? "mail.hideQuoted" : "mail.showQuoted")}
      </Button>
      {open && <blockquote data-testid="mail-quoted">{linkify(text)}</blockquote>}
    </div>
  );
}

/**
 * A mail as its sender designed it. The frame can do nothing: no scripts, no
 * forms, no address of this page. Remote pictures tell the sender that somebody
 * reads, so they come only when asked for.
 */
function Designed({ url }: { url: string }) {
  const { t } = useTranslation();
  const [pictures, setPictures] = useState(false);
  const [height, setHeight] = useState(MAIL_MIN);
  const [left, setLeft] = useState<Pictures>({ remote: 0, plain: 0 });
  const frame = useRef<HTMLIFrameElement>(null);
  const source = pictures ? `${url}${url.includes("?") ? "&" : "?"}pictures=1` : url;
  useEffect(() => {
    const call = new AbortController();
    const width = frame.current?.clientWidth ?? 600;
    measureMail(url, width, call.signal).then(
      (measured) => {
        setHeight(measured.height);
        setLeft(measured.pictures);
      },
      () => {
        // The frame scrolls then, and asking for pictures does no harm.
        if (!call.signal.aborted) setLeft({ remote: 1, plain: 0 });
      },
    );
    return () => call.abort();
  }, [url]);
  return (
    <div className="mail-designed">
      {pictures && left.plain > 0 && (
        <div className="mail-pictures" role="status">
          {t("mail.picturesPlain")}
        </div>
      )}
      {!pictures && left.remote > 0 && (
        <div className="mail-pictures">
          {t("mail.picturesBlocked")}
          <Button type="link" size="small" data-testid="mail-pictures" onClick={() => setPictures(true)}>
            {t("mail.loadPictures")}
          </Button>
        </div>
      )}
      <iframe ref={frame} key={source} data-testid="mail-frame" title={t("mail.frame")} src={source} sandbox="allow-popups allow-popups-to-escape-sandbox" referrerPolicy="no-referrer" loading="lazy" style={{ height: pictures ? Math.max(height, 480) : height }} />
    </div>
  );
}

/** A mail's text with what can be unfolded: its design, and what it quotes. */
export function MailBody({ message }: { message: Message }) {
  const { t } = useTranslation();
  const [designed, setDesigned] = useState(false);
  const url = message.html_url;
  return (
    <>
      {designed && url ? <Designed url={url} /> : message.body && <div className="bubble">{linkify(message.body)}</div>}
      {url && (
        <Button className="mail-switch" type="link" size="small" aria-pressed={designed} data-testid="mail-design-toggle" onClick={() => setDesigned(!designed)}>
          {t(designed ? "mail.asText" : "mail.asDesigned")}
        </Button>
      )}
      {!designed && message.quoted && <Quoted text={message.quoted} />}
    </>
  );
}
