import { useEffect, useImperativeHandle, useRef, useState, type ClipboardEvent, type KeyboardEvent, type Ref } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation } from "@/api/types";
import { customerName } from "@/features/customers/name";
import { useMe } from "@/features/session/me";
import { useSettings } from "@/features/session/settings";
import { hasMod, modKey } from "@/features/shell/keyboard";
import { channelName } from "@/features/channels/channels";
import { bytes } from "@/i18n/format";
import { useViewers } from "@/realtime/hints";
import { AttachIcon, Button, CaretIcon, Dropdown, LockIcon, SendIcon, WarningIcon, toastError, usePhone } from "@/ui";
import type { ConversationActions } from "./actions";
import { AllowanceLine, WindowClosed } from "./AllowanceLine";
import { useDraft } from "./drafts";
import { limitsFor, messagesIn, room } from "./limits";
import { MailHead } from "./MailHead";
import { useTellTyping, useTellView } from "./presence";
import { useAccounts, useLimits, useTeammates } from "./queries";
import { messagesOf, useSending } from "./send";
import { sendAct } from "./send-key";
import { addUploads, blockedBy, takeUploads, uploadsOf, useUploads } from "./uploads";
import { UploadList } from "./UploadList";
import { useStanding } from "./useStanding";

/** The counter shows when this few characters are left. */
const NEAR_LIMIT = 500;
/** Typing counts as going on for this long after a key. */
const TYPING_FOR = 5_000;

export interface ComposerHandle {
  focus: (kind: "text" | "note") => void;
}

interface Props {
  conversation: Conversation;
  actions: ConversationActions;
  ref?: Ref<ComposerHandle>;
}

/** True for a while after each `touch`. */
function useRecently(ms: number): [boolean, () => void, () => void] {
  const [on, setOn] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const stop = () => {
    clearTimeout(timer.current);
    setOn(false);
  };
  const touch = () => {
    clearTimeout(timer.current);
    setOn(true);
    timer.current = setTimeout(() => setOn(false), ms);
  };
  return [on, touch, stop];
}

function ReplyingWarning({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const me = useMe();
  const teammates = useTeammates();
  const replying = useViewers(conversationId).filter((v) => v.mode === "replying" && v.teammate_id !== me.id);
  const name = teammates.find((m) => m.id === replying[0]?.teammate_id)?.name;
  if (!name) return null;
  return (
    <span className="composer-warn" role="status" data-testid="replying-warning" title={t("composer.replyingWarn", { name })}>
      <WarningIcon />{" "}
      {t("composer.replyingWarn", { name })}
    </span>
  );
}

/** Where replies and notes are written. Remount it per conversation. */
export function Composer({ conversation, actions, ref }: Props) {
  const { t } = useTranslation();
  const { id } = conversation;
  const phone = usePhone();
  const { enterSends } = useSettings();
  const { kind, body, behind, change, turn, clear } = useDraft(id);
  const { send } = useSending();
  const list = uploadsOf(id, kind);
  const uploads = useUploads(list);
  const house = useLimits();
  const { standing, now } = useStanding(conversation);
  const account = useAccounts().find((a) => a.id === conversation.account_id);
  const input = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const composedAt = useRef(-Infinity);
  const [typing, touchTyping, stopTyping] = useRecently(TYPING_FOR);
  const [dragging, setDragging] = useState(false);
  const note = kind === "note";
  const limits = limitsFor(conversation.channel, note, house);
  const left = room(body, limits);
  const needed = messagesIn(body, uploads.length, limits);
  const tooMany = !note && standing.state === "open" && needed > standing.left;
  const closed = !note && standing.state === "closed";
  const blocked = blockedBy(uploads);
  const disabledAccount = !note && account?.status === "disabled";
  const sendable = (body.trim() !== "" || uploads.length > 0) && left >= 0 && blocked === null && !disabledAccount && !closed && !tooMany;

  useTellView(id, body.trim() !== "" && !note ? "replying" : "viewing");
  useTellTyping(id, typing && !note && body !== "");
  const focus = (to: "text" | "note") => {
    turn(to);
    input.current?.focus();
  };
  useImperativeHandle(ref, () => ({ focus }));

  const submit = (andResolve: boolean) => {
    if (!sendable) {
      if (blocked) toastError(t(blocked === "failed" ? "composer.removeFailed" : "composer.waitUpload"));
      return;
    }
    const writing = { conversationId: id, body, kind, attachments: takeUploads(list), andResolve };
    stopTyping();
    clear();
    void send(messagesOf(writing, limits.apart ?? false)).then((sent) => {
      if (sent && andResolve) actions.toldResolved();
    });
    input.current?.focus();
  };
  const add = (chosen: File[]) => {
    const { types } = limits;
    const fits = types ? chosen.filter((file) => types.includes(file.type)) : chosen;
    const strange = chosen.find((file) => !fits.includes(file));
    if (strange) toastError(t("composer.fileType", { name: strange.name, channel: channelName(conversation.channel) }));
    const tooLarge = fits.find((file) => file.size > limits.file_bytes);
    if (tooLarge) toastError(t("composer.fileTooLarge", { name: tooLarge.name, max: bytes(limits.file_bytes) }));
    const leftOut = addUploads(list, fits.filter((file) => file.size <= limits.file_bytes), limits.files);
    if (leftOut > 0) toastError(t("composer.tooManyFiles", { max: limits.files }));
  };
  const press = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const { key, keyCode, shiftKey, altKey, nativeEvent } = event;
    const act = sendAct(
      { key, keyCode, shiftKey, altKey, isComposing: nativeEvent.isComposing, mod: hasMod(event) || event.ctrlKey },
      enterSends && !phone,
      performance.now() - composedAt.current,
    );
    if (!act) return;
    event.preventDefault();
    submit(act === "send-and-resolve");
  };
  const paste = (event: ClipboardEvent) => {
    const pasted = [...event.clipboardData.files];
    // Copied table cells carry a picture beside their text: the text is meant.
    if (pasted.length === 0 || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    add(pasted);
  };
  const tab = (to: "text" | "note", label: string, testid: string) => (
    <button
      type="button"
      role="tab"
      className="composer-tab"
      data-testid={testid}
      aria-selected={kind === to}
      data-written={kind !== to && behind ? "" : undefined}
      aria-controls="composer-input"
      onClick={() => focus(to)}
    >
      {label}
    </button>
  );
  const keysHint = phone ? "" : enterSends ? t("composer.hintEnter") : t("composer.hintMod", { key: `${modKey} Enter` });
  const hint = (): string => {
    if (disabledAccount) return t("composer.accountDisabled");
    if (blocked === "failed") return t("composer.removeFailed");
    if (tooMany) return t("composer.needs", { count: needed, left: standing.left });
    if (left < 0) return t("composer.over", { count: -left });
    return left <= NEAR_LIMIT ? t("composer.left", { count: left }) : keysHint;
  };

  return (
    <div
      className="composer"
      data-kind={kind}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragging(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setDragging(false);
        add([...event.dataTransfer.files]);
      }}
    >
      <div className="composer-inner">
        <div className="composer-tabs">
          <div role="tablist" aria-label={t("composer.tabs")}>
            {tab("text", t("composer.reply"), "composer-tab-reply")}
            {tab("note", t("composer.note"), "composer-tab-note")}
          </div>
          {note && (
            <span className="composer-only" data-testid="composer-only-team">
              <LockIcon />
              {t("composer.onlyTeam")}
            </span>
          )}
          <ReplyingWarning conversationId={id} />
          {!note && <AllowanceLine standing={standing} now={now} />}
        </div>
        {closed && standing.state === "closed" && <WindowClosed conversation={conversation} why={standing.why} written={body.trim() !== ""} onNote={() => focus("note")} />}
        {!note && conversation.channel === "email" && <MailHead conversation={conversation} />}
        <div className="composer-box">
          <textarea
            ref={input}
            id="composer-input"
            data-testid="composer-input"
            aria-label={note ? t("composer.notePlaceholder") : t("composer.replyPlaceholder", { name: customerName(conversation.customer) })}
            placeholder={note ? t("composer.notePlaceholder") : t("composer.replyPlaceholder", { name: customerName(conversation.customer) })}
            rows={2}
            value={body}
            onChange={(event) => {
              change(event.target.value);
              touchTyping();
            }}
            onKeyDown={press}
            onPaste={paste}
            onBlur={stopTyping}
            onCompositionEnd={() => {
              composedAt.current = performance.now();
            }}
          />
          <UploadList list={list} uploads={uploads} />
          <div className="composer-foot">
            <Button type="text" icon={<AttachIcon />} aria-label={t("composer.attach")} title={t("composer.attach")} onClick={() => files.current?.click()} />
            <input
              ref={files}
              type="file"
              multiple
              accept={limits.types?.join(",")}
              hidden
              data-testid="composer-attach"
              aria-label={t("composer.attach")}
              onChange={(event) => {
                add([...(event.target.files ?? [])]);
                event.target.value = "";
              }}
            />
            <span className="composer-hint num" data-tone={left < 0 || disabledAccount || tooMany || blocked === "failed" ? "danger" : undefined} role={left <= NEAR_LIMIT || blocked === "failed" ? "status" : undefined}>
              {hint()}
            </span>
            <Button type="primary" data-testid="composer-send" disabled={!sendable} icon={phone ? <SendIcon /> : undefined} onClick={() => submit(false)} aria-label={note ? t("composer.addNote") : t("composer.send")}>
              {phone ? null : note ? t("composer.addNote") : t("composer.send")}
            </Button>
            <Dropdown
              trigger={["click"]}
              placement="topRight"
              disabled={!sendable}
              menu={{
                items: [{ key: "resolve", label: note ? t("composer.noteAndResolve") : t("composer.sendAndResolve"), extra: `${modKey} ⇧ Enter` }],
                onClick: () => submit(true),
              }}
            >
              <Button data-testid="composer-send-more" icon={<CaretIcon />} aria-label={t("composer.moreSend")} disabled={!sendable} />
            </Dropdown>
          </div>
        </div>
      </div>
      {dragging && <div className="drop">{t("composer.drop")}</div>}
    </div>
  );
}
