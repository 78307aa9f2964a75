import { useTranslation } from "react-i18next";
import type { Conversation, Message } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { useMe, usePermission } from "@/features/session/me";
import { full, soon } from "@/i18n/format";
import { useViewers } from "@/realtime/hints";
import { AssignIcon, AssignMeIcon, Avatar, BackIcon, Button, Dropdown, IconButton, MoreIcon, PanelIcon, ReopenIcon, ResolveIcon, SnoozeIcon, Tag, Tooltip, usePhone, type MenuProps } from "@/ui";
import type { ConversationActions } from "./actions";
import { AssignMenu } from "./AssignMenu";
import { usePanel } from "./panel-state";
import { SnoozeMenu } from "./SnoozeMenu";
import { useAccounts, useTeammates, useTeams } from "./queries";

export type HeaderMenu = "none" | "assign" | "snooze";

interface Props {
  conversation: Conversation;
  messages: Message[];
  actions: ConversationActions;
  menu: HeaderMenu;
  onMenu: (menu: HeaderMenu) => void;
  onBack: () => void;
}

/** Who else has this conversation open; a ring marks those who are replying. */
function Viewers({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const me = useMe();
  const teammates = useTeammates();
  const others = useViewers(conversationId).filter((v) => v.teammate_id !== me.id);
  return (
    <div className="viewers" data-testid="viewers" aria-label={t("composer.viewersLabel")} role="group">
      {others.slice(0, 4).map((viewer) => {
        const name = teammates.find((m) => m.id === viewer.teammate_id)?.name ?? "?";
        const words = t(viewer.mode === "replying" ? "composer.replyingWarn" : "composer.viewing", { name });
        return (
          <Tooltip key={viewer.teammate_id} title={words}>
            <span data-mode={viewer.mode} data-teammate-id={viewer.teammate_id} role="img" aria-label={words}>
              <Avatar name={name} seed={viewer.teammate_id} size={24} />
            </span>
          </Tooltip>
        );
      })}
    </div>
  );
}

function useSubtitle(conversation: Conversation): string {
  const { t } = useTranslation();
  const account = useAccounts().find((a) => a.id === conversation.account_id)?.name;
  const assignee = useTeammates().find((m) => m.id === conversation.assignee_id)?.name;
  const team = useTeams().find((x) => x.id === conversation.team_id)?.name;
  // Who has it comes before what may be cut.
  return [`#${conversation.number}`, assignee ?? t("inbox.unassigned"), team, conversation.subject, account].filter(Boolean).join(" · ");
}

function StatusTag({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  if (conversation.status === "resolved") return <Tag tone="ok">{t("inbox.resolved")}</Tag>;
  if (conversation.status === "snoozed" && conversation.snoozed_until) {
    return (
      <span className="pane-snoozed" title={full(conversation.snoozed_until)}>
        <Tag tone="warn">{t("snoozeState.until", { time: soon(conversation.snoozed_until, Date.now()) })}</Tag>
      </span>
    );
  }
  return null;
}

/** The conversation's head: who, its state, and what one can do. */
export function ConversationHeader({ conversation, messages, actions, menu, onMenu, onBack }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const phone = usePhone();
  const mayReply = usePermission("inbox.reply");
  const panel = usePanel();
  const who = customerName(conversation.customer);
  const subtitle = useSubtitle(conversation);
  const resolved = conversation.status === "resolved";
  const mine = conversation.assignee_id === me.id;
  const togglePanel = () => panel.setOpen(!panel.open);
  const toggle = (name: "assign" | "snooze") => (open: boolean) => onMenu(open ? name : "none");

  const items: MenuProps["items"] = [
    ...(phone && mayReply && !mine ? [{ key: "assign-me", label: t("actions.assignMe"), icon: <AssignMeIcon /> }] : []),
    ...(conversation.inbound_count > 0 ? [{ key: "unread", label: t("actions.markUnread"), extra: "U" }] : []),
    { key: "panel", label: t(panel.open ? "actions.hidePanel" : "actions.showPanel"), icon: phone ? <PanelIcon /> : undefined },
  ];
  const choose: MenuProps["onClick"] = ({ key }) => {
    if (key === "assign-me") void actions.assignMe();
    else if (key === "unread") void actions.markUnread(messages);
    else togglePanel();
  };

  return (
    <header className="pane-head">
      {phone && <IconButton label={t("actions.backToList")} icon={<BackIcon />} data-testid="back" onClick={onBack} />}
      <CustomerAvatar customer={conversation.customer} size={32} />
      <div className="pane-who">
        <h2 title={who}>{who}</h2>
        <p title={subtitle}>
          <ChannelIcon channel={conversation.channel} /> {subtitle}
        </p>
      </div>
      <StatusTag conversation={conversation} />
      <Viewers conversationId={conversation.id} />
      <div className="pane-acts">
        {mayReply && (
          <>
            {!mine && !phone && <IconButton label={t("actions.assignMe")} shortcut="A" icon={<AssignMeIcon />} data-testid="action-assign-me" onClick={() => void actions.assignMe()} />}
            <AssignMenu conversation={conversation} actions={actions} open={menu === "assign"} onOpenChange={toggle("assign")}>
              <Button type="text" icon={<AssignIcon />} data-testid="action-assign" aria-label={t("actions.assign")} title={t("actions.assign")} />
            </AssignMenu>
            {!resolved && (
              <SnoozeMenu open={menu === "snooze"} onOpenChange={toggle("snooze")} onSnooze={(until) => void actions.snooze(until)}>
                <Button type="text" icon={<SnoozeIcon />} data-testid="action-snooze" aria-label={t("actions.snooze")} title={`${t("actions.snooze")} (M)`} />
              </SnoozeMenu>
            )}
            {conversation.status === "snoozed" && !phone && (
              <Button data-testid="action-reopen" onClick={() => void actions.reopen()}>
                {t("actions.wake")}
              </Button>
            )}
            {resolved ? (
              <Button className="pane-act-word" data-testid="action-reopen" icon={<ReopenIcon />} onClick={() => void actions.reopen()} aria-label={t("actions.reopen")} title={`${t("actions.reopen")} (E)`}>
                {phone ? null : t("actions.reopen")}
              </Button>
            ) : (
              <Button className="pane-act-word" data-testid="action-resolve" icon={<ResolveIcon />} onClick={() => void actions.resolve()} aria-label={t("actions.resolve")} title={`${t("actions.resolve")} (E)`}>
                {phone ? null : t("actions.resolve")}
              </Button>
            )}
          </>
        )}
        <Dropdown trigger={["click"]} placement="bottomRight" menu={{ items, onClick: choose }}>
          <Button type="text" icon={<MoreIcon />} aria-label={t("actions.more")} data-testid="action-more" />
        </Dropdown>
        {!phone && !panel.open && <IconButton label={t("actions.showPanel")} icon={<PanelIcon />} onClick={togglePanel} data-testid="show-panel" />}
      </div>
    </header>
  );
}
