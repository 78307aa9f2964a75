import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation } from "@/api/types";
import { useMe } from "@/features/session/me";
import { useOnline } from "@/realtime/hints";
import { Avatar, Input, Popover, ResolveIcon } from "@/ui";
import type { ConversationActions } from "./actions";
import { useTeammates, useTeams } from "./queries";

interface Props {
  conversation: Conversation;
  actions: ConversationActions;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  children: ReactNode;
}

function Choices({ conversation, actions, onDone }: { conversation: Conversation; actions: ConversationActions; onDone: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const online = useOnline();
  const teammates = useTeammates();
  const teams = useTeams();
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLocaleLowerCase();
  const people = useMemo(
    () =>
      teammates
        .filter((m) => !m.disabled && m.role !== "marketer" && m.role !== "viewer")
        .filter((m) => `${m.name} ${m.email}`.toLocaleLowerCase().includes(wanted))
        .sort((a, b) => Number(b.id === me.id) - Number(a.id === me.id) || Number(online.has(b.id)) - Number(online.has(a.id)) || a.name.localeCompare(b.name)),
    [me.id, online, teammates, wanted],
  );
  const groups = teams.filter((team) => team.name.toLocaleLowerCase().includes(wanted));
  const choose = (act: () => void) => () => {
    onDone();
    act();
  };
  return (
    <div className="assign">
      <Input autoFocus allowClear aria-label={t("actions.findTeammate")} placeholder={t("actions.findTeammate")} value={query} onChange={(event) => setQuery(event.target.value)} />
      <div className="assign-list">
        <h3>{t("actions.assignTeammate")}</h3>
        {people.map((m) => (
          <button key={m.id} type="button" className="assign-item" data-testid="assign-teammate" data-teammate-id={m.id} onClick={choose(() => void actions.assign(m.id))}>
            <Avatar name={m.name} seed={m.id} size={22} online={online.has(m.id) && m.availability === "available"} />
            <span>
              {m.name} {m.id === me.id && <small>{t("common.you")}</small>} {m.availability === "away" && <small>{t("availability.away")}</small>}
            </span>
            {conversation.assignee_id === m.id && <ResolveIcon />}
          </button>
        ))}
        {conversation.assignee_id && !wanted && (
          <button type="button" className="assign-item" onClick={choose(() => void actions.assign(null))}>
            {t("actions.unassign")}
          </button>
        )}
        {groups.length > 0 && <h3>{t("actions.assignTeam")}</h3>}
        {groups.map((team) => (
          <button key={team.id} type="button" className="assign-item" data-testid="assign-team" data-team-id={team.id} onClick={choose(() => void actions.moveToTeam(team.id))}>
            <Avatar name={team.name} seed={team.id} size={22} />
            <span>{team.name}</span>
            {conversation.team_id === team.id && <ResolveIcon />}
          </button>
        ))}
        {conversation.team_id && !wanted && (
          <button type="button" className="assign-item" onClick={choose(() => void actions.moveToTeam(null))}>
            {t("actions.noTeam")}
          </button>
        )}
        {people.length + groups.length === 0 && <div className="list-more">{t("actions.noMatch")}</div>}
      </div>
    </div>
  );
}

/** Gives the conversation to a teammate or a team. */
export function AssignMenu({ children, open, onOpenChange, ...rest }: Props) {
  return (
    <Popover trigger="click" placement="bottomRight" open={open} onOpenChange={onOpenChange} destroyOnHidden content={<Choices {...rest} onDone={() => onOpenChange(false)} />}>
      {children}
    </Popover>
  );
}
