import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { SignInLink, Teammate } from "@/api/types";
import { useMe, usePermission } from "@/features/session/me";
import { ago, full } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useOnline } from "@/realtime/hints";
import { Alert, Avatar, Button, Dropdown, ErrorState, Input, MoreIcon, Page, PlusIcon, Skeleton, Tag, toast, toastError, useNow } from "@/ui";
import { DataTable, type Columns } from "@/ui/table";
import { LinkDialog } from "./LinkDialog";
import { TeammateForm } from "./TeammateForm";
import "./teammates.css";

type Dialog = { kind: "none" } | { kind: "form"; teammate?: Teammate } | { kind: "link"; name: string; link: SignInLink };

function useTeammateActs(show: (dialog: Dialog) => void) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const refresh = () => cache.invalidateQueries({ queryKey: keys.teammates });
  const setDisabled = async (teammate: Teammate, disabled: boolean): Promise<void> => {
    const { id, name } = teammate;
    try {
      await api.updateTeammate(id, { disabled });
      await refresh();
      toast(t(disabled ? "teammates.disabledToast" : "teammates.enabledToast", { name }), { label: t("common.undo"), run: () => void setDisabled(teammate, !disabled) });
    } catch (error) {
      toastError(describe(error));
    }
  };
  const newLink = useMutation({
    mutationFn: (teammate: Teammate) => api.newLink(teammate.id),
    onSuccess: (link, { name }) => show({ kind: "link", name, link }),
    onError: (error) => toastError(describe(error)),
  });
  return { setDisabled, newLink: newLink.mutate };
}

function RowMenu({ teammate, onDialog }: { teammate: Teammate; onDialog: (dialog: Dialog) => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const acts = useTeammateActs(onDialog);
  const self = teammate.id === me.id;
  return (
    <Dropdown
      trigger={["click"]}
      placement="bottomRight"
      menu={{
        items: [
          { key: "edit", label: t("common.edit") },
          ...(teammate.disabled ? [] : [{ key: "link", label: t("teammates.newLink") }]),
          ...(self ? [] : [{ type: "divider" as const }, { key: "toggle", danger: !teammate.disabled, label: t(teammate.disabled ? "teammates.enable" : "teammates.disable") }]),
        ],
        onClick: ({ key, domEvent }) => {
          domEvent.stopPropagation();
          if (key === "edit") onDialog({ kind: "form", teammate });
          else if (key === "link") acts.newLink(teammate);
          else void acts.setDisabled(teammate, !teammate.disabled);
        },
      }}
    >
      <Button type="text" icon={<MoreIcon />} aria-label={`${t("common.actions")}: ${teammate.name}`} data-testid="teammate-menu" onClick={(event) => event.stopPropagation()} />
    </Dropdown>
  );
}

function useColumns(manage: boolean, onDialog: (dialog: Dialog) => void): Columns<Teammate> {
  const { t } = useTranslation();
  const now = useNow();
  const me = useMe();
  const online = useOnline();
  const columns: Columns<Teammate> = [
    {
      key: "name",
      title: t("teammates.name"),
      render: (_, m) => (
        <span className="person">
          <Avatar name={m.name} seed={m.id} size={28} online={online.has(m.id)} />
          <span>
            <strong>{m.name}</strong> {m.id === me.id && <span className="muted">({t("common.you")})</span>}
            <br />
            <span className="muted">{m.email}</span>
          </span>
        </span>
      ),
    },
    { key: "role", title: t("teammates.role"), render: (_, m) => t(`role.${m.role}`) },
    { key: "scope", responsive: ["md"], title: t("scope.label"), render: (_, m) => (m.role === "marketer" ? t("common.notAvailable") : ["owner", "admin", "manager"].includes(m.role) ? t("scope.all") : t(`scope.${m.scope}`)) },
    { key: "status", responsive: ["md"], title: t("teammates.status"), render: (_, m) => (m.disabled ? <Tag tone="danger">{t("teammates.disabled")}</Tag> : online.has(m.id) ? <Tag tone="ok">{t(`availability.${m.availability}`)}</Tag> : <Tag>{t("availability.offline")}</Tag>) },
    { key: "seen", responsive: ["md"], title: t("teammates.lastSeen"), render: (_, m) => (m.last_seen_at ? <time title={full(m.last_seen_at)}>{ago(m.last_seen_at, now)}</time> : <span className="muted">{t("teammates.never")}</span>) },
  ];
  if (manage) columns.push({ key: "menu", title: <span className="visually-hidden">{t("common.actions")}</span>, align: "right", render: (_, m) => <RowMenu teammate={m} onDialog={onDialog} /> });
  return columns;
}

/** Who works here, with which role, and what they see. */
export function TeammatesPage() {
  const { t } = useTranslation();
  const manage = usePermission("teammates.manage");
  const [dialog, setDialog] = useState<Dialog>({ kind: "none" });
  const [wanted, setWanted] = useState("");
  const query = useQuery({ queryKey: keys.teammates, queryFn: ({ signal }) => api.teammates(signal) });
  const columns = useColumns(manage, setDialog);
  const close = () => setDialog({ kind: "none" });
  const needle = wanted.trim().toLocaleLowerCase();
  const rows = (query.data?.items ?? []).filter((m) => `${m.name} ${m.email}`.toLocaleLowerCase().includes(needle));
  return (
    <Page
      title={t("teammates.title")}
      lead={t("teammates.lead")}
      actions={
        manage && (
          <Button type="primary" icon={<PlusIcon />} data-testid="invite-teammate" onClick={() => setDialog({ kind: "form" })}>
            {t("teammates.invite")}
          </Button>
        )
      }
    >
      {!manage && <Alert tone="info">{t("teammates.readOnly")}</Alert>}
      {query.isPending ? (
        <Skeleton lines={6} />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className="stack">
          <Input className="filter-input" allowClear value={wanted} onChange={(e) => setWanted(e.target.value)} placeholder={t("teammates.search")} aria-label={t("teammates.search")} />
          <DataTable rows={rows} columns={columns} label={t("teammates.title")} empty={t("teammates.noMatch")} {...(manage ? { onOpen: (teammate: Teammate) => setDialog({ kind: "form", teammate }) } : {})} />
        </div>
      )}
      {dialog.kind === "form" && (
        <TeammateForm {...(dialog.teammate ? { teammate: dialog.teammate } : {})} onClose={close} onInvited={(teammate, link) => setDialog({ kind: "link", name: teammate.name, link })} />
      )}
      {dialog.kind === "link" && <LinkDialog name={dialog.name} link={dialog.link} onClose={close} />}
    </Page>
  );
}
