import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { behaviourApi, type WriteKey } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { ago, date, full } from "@/i18n/format";
import { describe, fieldProblems } from "@/i18n/problem";
import { Alert, Button, CopyBlock, EmptyState, ErrorState, Field, FormProblem, Input, Modal, Page, PlusIcon, Segmented, Skeleton, Tag, WriteKeysIcon, toast, toastError, useNow } from "@/ui";
import { FormDialog, useConfirm } from "@/ui/form-dialog";
import { DataTable, type Columns } from "@/ui/table";
import { snippets } from "./snippets";
import "./events.css";

const kinds: WriteKey["kind"][] = ["server", "browser"];

function KeyForm({ onClose, onCreated }: { onClose: () => void; onCreated: (key: WriteKey) => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<WriteKey["kind"]>("server");
  const [missing, setMissing] = useState<string>();
  const create = useMutation({
    mutationFn: () => behaviourApi.createWriteKey({ name: name.trim(), kind }),
    onSuccess: (created) => {
      void cache.invalidateQueries({ queryKey: keys.writeKeys });
      onCreated(created);
    },
  });
  const problems = fieldProblems(create.error);
  return (
    <FormDialog
      title={t("writeKeys.create")}
      submit={t("writeKeys.create")}
      busy={create.isPending}
      dirty={name !== ""}
      onClose={onClose}
      onSubmit={() => {
        setMissing(name.trim() ? undefined : t("writeKeys.nameMissing"));
        if (name.trim()) create.mutate();
      }}
    >
      <FormProblem error={create.error} />
      <Field label={t("writeKeys.name")} help={t("writeKeys.nameHelp")} error={missing ?? problems.name}>
        {(ids) => <Input {...ids} autoFocus data-testid="write-key-name" maxLength={100} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label={t("writeKeys.kind")} help={t(`writeKeys.kindHelp.${kind}`)} error={problems.kind}>
        {({ id }) => <Segmented id={id} aria-label={t("writeKeys.kind")} style={{ justifySelf: "start" }} value={kind} onChange={setKind} options={kinds.map((value) => ({ value, label: t(`writeKeys.kindName.${value}`) }))} />}
      </Field>
    </FormDialog>
  );
}

/** A new key, and how programs use it; the secret of a server key is shown this once. */
function KeyDialog({ writeKey, fresh, onClose }: { writeKey: WriteKey; fresh: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const secret = writeKey.key;
  const examples = snippets(writeKey.kind, secret ?? t("writeKeys.yourKey"), window.location.origin);
  const names = Object.keys(examples);
  const [chosen, setChosen] = useState(names[0]!);
  return (
    <Modal open title={t(fresh ? "writeKeys.newTitle" : "writeKeys.useTitle", { name: writeKey.name })} width={680} onCancel={onClose} mask={{ closable: !fresh }} footer={<Button type="primary" onClick={onClose}>{t("teammates.linkDone")}</Button>}>
      <div className="ui-dialog-form" data-testid="write-key-secret">
        {fresh && writeKey.kind === "server" && <Alert tone="warn">{t("writeKeys.secretOnce")}</Alert>}
        {writeKey.kind === "browser" && <Alert tone="info">{t("writeKeys.browserTrust")}</Alert>}
        {secret ? <CopyBlock text={secret} label={t("writeKeys.key")} /> : <p className="muted">{t("writeKeys.hidden")}</p>}
        {names.length > 1 && <Segmented aria-label={t("writeKeys.library")} style={{ justifySelf: "start", maxWidth: "100%", overflowX: "auto" }} value={chosen} onChange={setChosen} options={names} />}
        <CopyBlock text={examples[chosen]!} label={`${t("accounts.example")}: ${chosen}`} />
        <p className="muted">
          {t("writeKeys.watch")} <Link to="/events" search={{ tab: "debugger", key: writeKey.id }}>{t("events.tab.debugger")}</Link>
        </p>
      </div>
    </Modal>
  );
}

function useColumns(onUse: (key: WriteKey) => void, onRevoke: (key: WriteKey) => void): Columns<WriteKey> {
  const { t } = useTranslation();
  const now = useNow();
  return [
    {
      key: "name",
      title: t("writeKeys.name"),
      render: (_, k) => (
        <span data-testid="write-key-row" data-key-id={k.id}>
          {k.name} {k.sandbox && <Tag>{t("accounts.sandbox")}</Tag>} {k.revoked_at && <Tag tone="danger">{t("writeKeys.revokedTag")}</Tag>}
        </span>
      ),
    },
    { key: "kind", responsive: ["md"], title: t("writeKeys.kind"), render: (_, k) => t(`writeKeys.kindName.${k.kind}`) },
    { key: "created", responsive: ["md"], title: t("common.created"), render: (_, k) => <time title={full(k.created_at)}>{date(k.created_at)}</time> },
    { key: "used", responsive: ["md"], title: t("tokens.lastUsed"), render: (_, k) => (k.last_used_at ? <time title={full(k.last_used_at)}>{ago(k.last_used_at, now)}</time> : t("tokens.never")) },
    {
      key: "acts",
      title: <span className="visually-hidden">{t("common.actions")}</span>,
      align: "right",
      render: (_, k) =>
        k.revoked_at ? null : (
          <span className="key-acts">
            <Button size="small" data-testid="write-key-use" onClick={() => onUse(k)}>
              {t("writeKeys.use")}
            </Button>
            <Button size="small" danger aria-label={`${t("writeKeys.revoke")}: ${k.name}`} data-testid="write-key-revoke" onClick={() => onRevoke(k)}>
              {t("writeKeys.revoke")}
            </Button>
          </span>
        ),
    },
  ];
}

/** The keys with which programs and pages send behaviour. */
export function WriteKeysPage() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const [creating, setCreating] = useState(false);
  const [shown, setShown] = useState<{ key: WriteKey; fresh: boolean } | null>(null);
  const query = useQuery({ queryKey: keys.writeKeys, queryFn: ({ signal }) => behaviourApi.writeKeys(signal) });
  const rows = query.data?.items ?? [];
  const revoke = async ({ id, name }: WriteKey) => {
    if (!(await confirm({ title: t("writeKeys.revokeTitle", { name }), body: t("writeKeys.revokeBody"), act: t("writeKeys.revoke"), danger: true }))) return;
    try {
      await behaviourApi.revokeWriteKey(id);
      await cache.invalidateQueries({ queryKey: keys.writeKeys });
      toast(t("writeKeys.revoked", { name }));
    } catch (error) {
      toastError(describe(error));
    }
  };
  const columns = useColumns(
    (key) => setShown({ key, fresh: false }),
    (key) => void revoke(key),
  );
  const create = (
    <Button type="primary" icon={<PlusIcon />} data-testid="create-write-key" onClick={() => setCreating(true)}>
      {t("writeKeys.create")}
    </Button>
  );
  return (
    <Page
      title={t("writeKeys.title")}
      lead={
        <>
          {t("writeKeys.lead")} <Link to="/events" search={{ tab: "debugger" }}>{t("writeKeys.toDebugger")}</Link>
        </>
      }
      actions={rows.length > 0 && create}
    >
      {query.isPending ? (
        <Skeleton />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState icon={<WriteKeysIcon />} title={t("writeKeys.emptyTitle")} actions={create}>
          {t("writeKeys.emptyBody")}
        </EmptyState>
      ) : (
        <DataTable rows={rows} columns={columns} label={t("writeKeys.title")} />
      )}
      {creating && (
        <KeyForm
          onClose={() => setCreating(false)}
          onCreated={(key) => {
            setCreating(false);
            setShown({ key, fresh: true });
          }}
        />
      )}
      {shown && <KeyDialog writeKey={shown.key} fresh={shown.fresh} onClose={() => setShown(null)} />}
    </Page>
  );
}
