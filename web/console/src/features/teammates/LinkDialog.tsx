import { useTranslation } from "react-i18next";
import type { SignInLink } from "@/api/types";
import { full } from "@/i18n/format";
import { Button, CopyBlock, Modal } from "@/ui";

/** A one-time sign-in link to hand over; it is shown only now. */
export function LinkDialog({ name, link, onClose }: { name: string; link: SignInLink; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      open
      title={t("teammates.linkTitle")}
      onCancel={onClose}
      mask={{ closable: false }}
      footer={
        <Button type="primary" onClick={onClose} data-testid="link-done">
          {t("teammates.linkDone")}
        </Button>
      }
    >
      <div className="ui-dialog-form" data-testid="sign-in-link">
        <p>{t("teammates.linkBody", { name, time: full(link.expires_at) })}</p>
        <CopyBlock text={link.url} label={t("teammates.linkTitle")} />
      </div>
    </Modal>
  );
}
