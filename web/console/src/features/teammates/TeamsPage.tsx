import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Team } from "@/api/types";
import { useTeammates } from "@/features/inbox/queries";
import { usePermission } from "@/features/session/me";
import { describe, fieldProblems } from "@/i18n/problem";
import { Avatar, Button, DeleteIcon, EditIcon, EmptyState, ErrorState, Field, FormProblem, IconButton, Input, Page, PlusIcon, Select, Skeleton, TeamsIcon, toast, toastError } from "@/ui";
import { FormDialog, useConfirm } from "@/ui/form-dialog";
import "./teammates.css";

function TeamForm({ team, onClose }: { team: Team | null; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const teammates = useTeammates();
  const [name, setName] = useState(team?.name ?? "");
  const [members, setMembers] = useState(team?.member_ids ?? []);
  const [missing, setMissing] = useState<string>();
  const save = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), member_ids: members };
      return team ? api.updateTeam(team.id, body) : api.createTeam(body);
    },
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: keys.teams });
      void cache.invalidateQueries({ queryKey: keys.teammates });
      onClose();
    },
  });
  const problems = fieldProblems(save.error);
  return (
    <FormDialog
      title={team ? t("teams.edit") : t("teams.create")}
      submit={team ? t("common.save") : t("teams.create")}
      busy={save.isPending}
      dirty={name !== (team?.name ?? "") || members.join() !== (team?.member_ids ?? []).join()}
      onClose={onClose}
      onSubmit={() => {
        setMissing(name.trim() ? undefined : t("teams.nameMissing"));
        if (name.trim()) save.mutate();
      }}
    >
      <FormProblem error={save.error} />
      <Field label={t("teams.name")} error={missing ?? problems.name}>
        {(ids) => <Input {...ids} autoFocus data-testid="team-name" value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label={t("teams.members")} error={problems.member_ids}>
        {({ id }) => <Select id={id} mode="multiple" optionFilterProp="label" value={members} onChange={setMembers} options={teammates.map((m) => ({ value: m.id, label: m.name }))} />}
      </Field>
    </FormDialog>
  );
}

function TeamRow({ team, manage, onEdit, onDelete }: { team: Team; manage: boolean; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTranslation();
  const teammates = useTeammates();
  const members = team.member_ids.flatMap((id) => teammates.find((m) => m.id === id) ?? []);
  return (
    <li data-testid="team-row" data-team-id={team.id}>
      <div className="grow">
        <strong>{team.name}</strong>
        <div className="muted" title={members.map((m) => m.name).join(", ")}>
          {t("teams.memberCount", { count: team.member_ids.length })}
        </div>
      </div>
      <span className="faces">
        {members.slice(0, 6).map((m) => (
          <Avatar key={m.id} name={m.name} seed={m.id} size={26} />
        ))}
      </span>
      {manage && (
        <span>
          <IconButton label={`${t("teams.edit")}: ${team.name}`} icon={<EditIcon />} onClick={onEdit} />
          <IconButton label={`${t("teams.delete")}: ${team.name}`} icon={<DeleteIcon />} onClick={onDelete} />
        </span>
      )}
    </li>
  );
}

/** Groups of teammates that conversations can be given to. */
export function TeamsPage() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const manage = usePermission("teammates.manage");
  const confirm = useConfirm();
  const [editing, setEditing] = useState<Team | "new" | null>(null);
  const query = useQuery({ queryKey: keys.teams, queryFn: ({ signal }) => api.teams(signal) });
  const teams = query.data?.items ?? [];
  const create = manage && (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-team" onClick={() => setEditing("new")}>
      {t("teams.create")}
    </Button>
  );
  const remove = async (team: Team) => {
    const { name } = team;
    if (!(await confirm({ title: t("teams.deleteTitle", { name }), body: t("teams.deleteBody"), act: t("teams.delete"), danger: true }))) return;
    try {
      await api.deleteTeam(team.id);
      await cache.invalidateQueries({ queryKey: keys.teams });
      toast(t("teams.deleted", { name }));
    } catch (error) {
      toastError(describe(error));
    }
  };
  return (
    <Page narrow title={t("teams.title")} lead={t("teams.lead")} actions={teams.length > 0 && create}>
      {query.isPending ? (
        <Skeleton />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : teams.length === 0 ? (
        <EmptyState icon={<TeamsIcon />} title={t("teams.emptyTitle")} actions={create}>
          {t("teams.emptyBody")}
        </EmptyState>
      ) : (
        <ul className="list-rows">
          {teams.map((team) => (
            <TeamRow key={team.id} team={team} manage={manage} onEdit={() => setEditing(team)} onDelete={() => void remove(team)} />
          ))}
        </ul>
      )}
      {editing && <TeamForm team={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}
