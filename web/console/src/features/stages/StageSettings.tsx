import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { behaviourApi, type Stage } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { RuleSentence, stageName } from "@/features/segments";
import { describe } from "@/i18n/problem";
import { Button, DeleteIcon, DownIcon, Drawer, EditIcon, IconButton, PlusIcon, toast, toastError, UpIcon } from "@/ui";
import { useAskDiscard, useConfirm } from "@/ui/form-dialog";
import { StageForm } from "./StageForm";

function useOrder() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (stages: Stage[]) => behaviourApi.orderStages(stages.map((s) => s.key)),
    onMutate: (stages) => {
      const before = cache.getQueryData(keys.stageList);
      cache.setQueryData(keys.stageList, { items: stages });
      return { before };
    },
    onError: (error, _, context) => {
      cache.setQueryData(keys.stageList, context?.before);
      toastError(describe(error));
    },
    onSettled: () => void cache.invalidateQueries({ queryKey: keys.stageList }),
  });
}

function Row({ stage, index, last, onMove, onEdit, onDelete }: { stage: Stage; index: number; last: boolean; onMove: (by: number) => void; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTranslation();
  const name = stageName(stage);
  return (
    <li data-testid="stage-row" data-stage={stage.key}>
      <span className="stage-order">
        <IconButton size="small" label={`${t("rule.moveUp")}: ${name}`} icon={<UpIcon />} disabled={index === 0} onClick={() => onMove(-1)} />
        <IconButton size="small" label={`${t("rule.moveDown")}: ${name}`} icon={<DownIcon />} disabled={last} onClick={() => onMove(1)} />
      </span>
      <div className="grow">
        <strong>{stage.name_zh}</strong> · <strong>{stage.name_en}</strong> <code>{stage.key}</code>
        <small>{stage.rule ? <RuleSentence rule={stage.rule} /> : t("stages.byHand")}</small>
      </div>
      <IconButton label={`${t("stages.edit")}: ${name}`} icon={<EditIcon />} data-testid="stage-edit" onClick={onEdit} />
      {!stage.built_in && <IconButton label={`${t("stages.delete")}: ${name}`} icon={<DeleteIcon />} onClick={onDelete} />}
    </li>
  );
}

/** The stages themselves: their names, order and rules. */
export function StageSettings({ stages, onClose }: { stages: Stage[]; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const ask = useAskDiscard();
  const order = useOrder();
  const dirty = useRef(false);
  const [editing, setEditing] = useState<Stage | "new" | null>(null);
  const leave = async (then: () => void) => {
    if (dirty.current && !(await ask())) return;
    dirty.current = false;
    then();
  };
  const move = (index: number, by: number) => {
    const next = [...stages];
    next.splice(index + by, 0, ...next.splice(index, 1));
    order.mutate(next);
  };
  const remove = async (stage: Stage) => {
    if (!(await confirm({ title: t("stages.deleteTitle", { name: stageName(stage) }), body: t("stages.deleteBody"), act: t("stages.delete"), danger: true }))) return;
    try {
      await behaviourApi.deleteStage(stage.key);
      await cache.invalidateQueries({ queryKey: keys.stages });
      toast(t("stages.deleted", { name: stageName(stage) }));
    } catch (error) {
      toastError(describe(error));
    }
  };
  const title = editing === null ? t("stages.settings") : editing === "new" ? t("stages.create") : t("stages.editTitle", { name: stageName(editing) });
  return (
    <Drawer open title={title} size={760} onClose={() => void leave(editing ? () => setEditing(null) : onClose)} destroyOnHidden>
      {editing ? (
        <StageForm key={editing === "new" ? "" : editing.key} stage={editing === "new" ? null : editing} onDirty={(is) => (dirty.current = is)} onDone={() => void leave(() => setEditing(null))} />
      ) : (
        <div className="stack">
          <p className="muted">{t("stages.settingsLead")}</p>
          <ul className="list-rows stage-rows">
            {stages.map((stage, i) => (
              <Row key={stage.key} stage={stage} index={i} last={i === stages.length - 1} onMove={(by) => move(i, by)} onEdit={() => setEditing(stage)} onDelete={() => void remove(stage)} />
            ))}
          </ul>
          <div>
            <Button icon={<PlusIcon />} data-testid="create-stage" onClick={() => setEditing("new")}>
              {t("stages.create")}
            </Button>
          </div>
        </div>
      )}
    </Drawer>
  );
}
