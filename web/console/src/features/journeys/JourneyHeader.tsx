import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { journeysApi, type Journey } from "@/api/journeys";
import { keys } from "@/api/keys";
import { describe } from "@/i18n/problem";
import { modKey } from "@/features/shell/keyboard";
import { BackIcon, Button, Dropdown, IconButton, Input, MoreIcon, RedoIcon, Tag, toast, toastError, UndoStepIcon, usePhone, type MenuProps } from "@/ui";
import { useConfirm } from "@/ui/form-dialog";
import { ProblemButton } from "./Problems";
import { SaveMark } from "./SaveMark";
import { stateTone } from "./state";
import type { DraftHandle } from "./useDraft";

type Act = "pause" | "resume" | "stop";

/** Pausing, going on and stopping; stopping asks, because it cannot be undone. */
function useMoves(journey: Pick<Journey, "id" | "name">) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const move = useMutation({
    mutationFn: (act: Act) => journeysApi.move(journey.id, act),
    onSuccess: (moved, act) => {
      cache.setQueryData<Journey>(keys.journey(journey.id), moved);
      void cache.invalidateQueries({ queryKey: keys.journeys });
      toast(t(`journeys.did.${act}`, { name: moved.name }), act === "pause" ? { label: t("journeys.resume"), run: () => move.mutate("resume") } : undefined);
    },
    onError: (error) => toastError(describe(error)),
  });
  const run = async (act: Act) => {
    if (act === "stop" && !(await confirm({ title: t("journeys.stopTitle", { name: journey.name }), body: t("journeys.stopBody"), act: t("journeys.stop"), danger: true }))) return;
    move.mutate(act);
  };
  return { run: (act: Act) => void run(act), busy: move.isPending };
}

interface Props {
  journey: Journey;
  handle: DraftHandle;
  editable: boolean;
  onJump: (id: string) => void;
  onPublish: () => void;
  onTest: () => void;
}

/** The draft's own acts, beside its name. */
function useMenu({ journey, editable, onTest }: Props, phone: boolean) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const confirm = useConfirm();
  const { run } = useMoves(journey);
  const remove = async () => {
    if (!(await confirm({ title: t("journeys.removeTitle", { name: journey.name }), body: t("journeys.removeBody"), act: t("journeys.remove"), danger: true }))) return;
    try {
      await journeysApi.remove(journey.id);
      void cache.invalidateQueries({ queryKey: keys.journeyList });
      void navigate({ to: "/journeys" });
      toast(t("journeys.removed", { name: journey.name }));
    } catch (error) {
      toastError(describe(error));
    }
  };
  const items: MenuProps["items"] = [
    ...(phone && editable ? [{ key: "test", label: t("journeys.test") }] : []),
    ...(editable && journey.state === "live" ? [{ key: "pause", label: t("journeys.pause") }] : []),
    ...(editable && journey.state === "paused" ? [{ key: "resume", label: t("journeys.resume") }] : []),
    ...(editable && (journey.state === "live" || journey.state === "paused") ? [{ key: "stop", label: t("journeys.stop"), danger: true }] : []),
    ...(editable && (journey.state === "draft" || journey.state === "stopped") ? [{ key: "remove", label: t("journeys.remove"), danger: true }] : []),
  ];
  const choose: MenuProps["onClick"] = ({ key }) => {
    if (key === "test") onTest();
    else if (key === "remove") void remove();
    else run(key as Act);
  };
  return items.length > 0 ? { items, onClick: choose } : null;
}

/** A journey's name, whether it is safe, what is wrong with it, and what one can do. */
export function JourneyHeader(props: Props) {
  const { t } = useTranslation();
  const phone = usePhone();
  const { journey, handle, editable, onJump, onPublish, onTest } = props;
  const menu = useMenu(props, phone);
  const { draft } = handle;
  const changed = journey.changed || handle.state !== "saved";
  return (
    <header className="flow-head">
      <Link to="/journeys" className="flow-back" aria-label={t("journeys.title")} data-testid="back">
        <BackIcon />
      </Link>
      <h1>
        {editable ? (
          <Input variant="borderless" className="flow-name" aria-label={t("journeys.name")} data-testid="journey-name" maxLength={120} value={draft.name} onChange={(e) => handle.edit((d) => ({ ...d, name: e.target.value }), "name")} />
        ) : (
          journey.name
        )}
      </h1>
      <Tag tone={stateTone[journey.state]}>
        <span data-testid="journey-state" data-state={journey.state}>
          {t(`journeys.state.${journey.state}`)}
          {journey.version !== null && ` · ${t("journeys.versionNumber", { number: journey.version })}`}
        </span>
      </Tag>
      {editable && <SaveMark handle={handle} />}
      <span className="flow-head-acts">
        {editable && (
          <>
            <IconButton label={t("journeys.undo")} shortcut={`${modKey} Z`} icon={<UndoStepIcon />} disabled={!handle.canUndo} data-testid="undo" onClick={handle.undo} />
            <IconButton label={t("journeys.redo")} shortcut={`${modKey} Shift Z`} icon={<RedoIcon />} disabled={!handle.canRedo} data-testid="redo" onClick={handle.redo} />
            <ProblemButton graph={draft.graph} problems={journey.problems ?? []} onJump={onJump} />
          </>
        )}
        {!phone && editable && (
          <Button data-testid="journey-test-open" onClick={onTest}>
            {t("journeys.test")}
          </Button>
        )}
        {editable && (
          <Button type="primary" data-testid="publish" disabled={!changed && journey.state === "live"} onClick={onPublish}>
            {t(journey.state === "live" && !changed ? "journeys.isLive" : "journeys.publish")}
          </Button>
        )}
        {menu && (
          <Dropdown trigger={["click"]} placement="bottomRight" autoFocus menu={menu}>
            <Button type="text" aria-label={t("actions.more")} icon={<MoreIcon />} data-testid="journey-menu" />
          </Dropdown>
        )}
      </span>
    </header>
  );
}
