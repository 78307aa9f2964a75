import { App, Modal } from "antd";
import { useRef, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

/**
 * Asks before typed text is thrown away; answers whether to go on. Whoever asks
 * while the question stands has its answer.
 */
export function useAskDiscard(): () => Promise<boolean> {
  const { modal } = App.useApp();
  const { t } = useTranslation();
  const asked = useRef<Promise<boolean> | null>(null);
  return () => {
    asked.current ??= new Promise<boolean>((resolve) => {
      modal.confirm({
        title: t("common.discardTitle"),
        okText: t("common.discard"),
        okButtonProps: { danger: true },
        cancelText: t("common.keepEditing"),
        icon: null,
        onOk: () => resolve(true),
        onCancel: () => resolve(false),
      });
    }).finally(() => (asked.current = null));
    return asked.current;
  };
}

interface ConfirmWords {
  title: string;
  body: string;
  act: string;
  danger?: boolean;
}

/** Asks before something that cannot be undone; answers whether to do it. */
export function useConfirm(): (words: ConfirmWords) => Promise<boolean> {
  const { modal } = App.useApp();
  const { t } = useTranslation();
  return ({ title, body, act, danger }) =>
    new Promise((resolve) => {
      modal.confirm({
        title,
        content: body,
        okText: act,
        okButtonProps: danger ? { danger: true } : {},
        cancelText: t("common.cancel"),
        icon: null,
        onOk: () => resolve(true),
        onCancel: () => resolve(false),
      });
    });
}

interface Props {
  title: string;
  submit: string;
  busy: boolean;
  /** Something was typed that closing would lose. */
  dirty: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
  width?: number;
}

/** A form in a dialog: Enter submits, closing a half-filled one asks. */
export function FormDialog({ title, submit, busy, dirty, onSubmit, onClose, children, width = 520 }: Props) {
  const { t } = useTranslation();
  const ask = useAskDiscard();
  const close = async () => {
    if (!dirty || (await ask())) onClose();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Modal
      open
      title={title}
      width={width}
      onCancel={() => void close()}
      onOk={onSubmit}
      okText={submit}
      cancelText={t("common.cancel")}
      confirmLoading={busy}
      okButtonProps={{ "data-testid": "dialog-submit" }}
      mask={{ closable: false }}
    >
      <form className="ui-dialog-form" onSubmit={send} noValidate>
        {children}
        <button type="submit" hidden disabled={busy} />
      </form>
    </Modal>
  );
}
