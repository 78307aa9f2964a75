import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { ApiToken, Role } from "@/api/types";
import { ago, date, full } from "@/i18n/format";
import { describe, fieldProblems } from "@/i18n/problem";
import { Alert, Button, CopyBlock, DeleteIcon, EmptyState, ErrorState, Field, FormProblem, IconButton, Input, Modal, Page, PlusIcon, Select, Skeleton, TokensIcon, toast, toastError, useNow } from "@/ui";
import { FormDialog, useConfirm } from "@/ui/form-dialog";
import { DataTable, type Columns } from "@/ui/table";

const roles: Role[] = ["admin", "manager", "agent", "marketer", "viewer"];

function TokenForm({ onClose, onCreated }: { onClose: () => void; onCreated: (secret: string) => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [missing, setMissing] = useState<string>();
  const create = useMutation({
    mutationFn: () => api.createToken({ name: name.trim(), role }),
    onSuccess: (created) => {
      void cache.invalidateQueries({ queryKey: keys.tokens });
      onCreated(created.secret);
    },
  });
  const problems = fieldProblems(create.error);
  return (
    <FormDialog
      title={t("tokens.create")}
      submit={t("tokens.create")}
      busy={create.isPending}
      dirty={name !== ""}
      onClose={onClose}
      onSubmit={() => {
        setMissing(name.trim() ? undefined : t("tokens.nameMissing"));
        if (name.trim()) create.mutate();
      }}
    >
      <FormProblem error={create.error} />
      <Field label={t("tokens.name")} help={t("tokens.nameHelp")} error={missing ?? problems.name}>
        {(ids) => <Input {...ids} autoFocus data-testid="token-name" value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label={t("tokens.role")} help={t(`roleHelp.${role}`)} error={problems.role}>
        {({ id }) => <Select id={id} data-testid="token-role" value={role} onChange={setRole} options={roles.map((value) => ({ value, label: t(`role.${value}`) }))} />}
      </Field>
    </FormDialog>
  );
}

function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  const example = `curl -H "Authorization: Bearer ${secret}" ${window.location.origin}/api/v1/conversations`;
  return (
    <Modal open title={t("tokens.secretTitle")} onCancel={onClose} mask={{ closable: false }} footer={<Button type="primary" onClick={onClose}>{t("teammates.linkDone")}</Button>}>
      <div className="ui-dialog-form" data-testid="token-secret">
        <Alert tone="warn">{t("tokens.secretOnce")}</Alert>
        <CopyBlock text={secret} label={t("tokens.secretTitle")} />
        <p>{t("tokens.usage")}</p>
        <CopyBlock text={example} label={t("accounts.example")} />
      </div>
    </Modal>
  );
}

function useColumns(onRevoke: (token: ApiToken) => void): Columns<ApiToken> {
  const { t } = useTranslation();
  const now = useNow();
  return [
    { key: "name", title: t("tokens.name"), dataIndex: "name" },
    { key: "role", title: t("tokens.role"), render: (_, token) => t(`role.${token.role}`) },
    { key: "created", responsive: ["md"], title: t("common.created"), render: (_, token) => <time title={full(token.created_at)}>{date(token.created_at)}</time> },
    { key: "used", responsive: ["md"], title: t("tokens.lastUsed"), render: (_, token) => (token.last_used_at ? <time title={full(token.last_used_at)}>{ago(token.last_used_at, now)}</time> : t("tokens.never")) },
    { key: "acts", title: <span className="visually-hidden">{t("common.actions")}</span>, align: "right", render: (_, token) => <IconButton label={`${t("tokens.revoke")}: ${token.name}`} icon={<DeleteIcon />} onClick={() => onRevoke(token)} /> },
  ];
}

/** Secrets for programs that call the API. */
export function TokensPage() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const query = useQuery({ queryKey: keys.tokens, queryFn: ({ signal }) => api.tokens(signal) });
  const tokens = query.data?.items ?? [];
  const revoke = async ({ id, name }: ApiToken) => {
    if (!(await confirm({ title: t("tokens.revokeTitle", { name }), body: t("tokens.revokeBody"), act: t("tokens.revoke"), danger: true }))) return;
    try {
      await api.deleteToken(id);
      await cache.invalidateQueries({ queryKey: keys.tokens });
      toast(t("tokens.revoked", { name }));
    } catch (error) {
      toastError(describe(error));
    }
  };
  const columns = useColumns((token) => void revoke(token));
  const create = (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-token" onClick={() => setCreating(true)}>
      {t("tokens.create")}
    </Button>
  );
  return (
    <Page
      title={t("tokens.title")}
      lead={
        <>
          {t("tokens.lead")}{" "}
          <a href="/api/openapi.json" target="_blank" rel="noopener">
            {t("tokens.docs")}
          </a>
        </>
      }
      actions={tokens.length > 0 && create}
    >
      {query.isPending ? (
        <Skeleton />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : tokens.length === 0 ? (
        <EmptyState icon={<TokensIcon />} title={t("tokens.emptyTitle")} actions={create}>
          {t("tokens.emptyBody")}
        </EmptyState>
      ) : (
        <DataTable rows={tokens} columns={columns} label={t("tokens.title")} />
      )}
      {creating && (
        <TokenForm
          onClose={() => setCreating(false)}
          onCreated={(created) => {
            setCreating(false);
            setSecret(created);
          }}
        />
      )}
      {secret && <SecretDialog secret={secret} onClose={() => setSecret(null)} />}
    </Page>
  );
}
