import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/http";
import { journeysApi, type Journey, type NodeCount, type PublishPeople } from "@/api/journeys";
import { keys } from "@/api/keys";
import { number } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Alert, Button, FormProblem, RadioGroup, toast, toastError } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";
import { nodeOf } from "./graph";
import type { DraftHandle } from "./useDraft";
import { titleOf } from "./words";

const choices: PublishPeople[] = ["follow", "finish_old", "exit"];

interface Props {
  journey: Journey;
  counts: ReadonlyMap<string, NodeCount>;
  handle: Pick<DraftHandle, "flush" | "version" | "settle">;
  onClose: () => void;
}

/** Who stands where now, and what becomes of them. */
function People({ journey, counts }: Pick<Props, "journey" | "counts">) {
  const { t } = useTranslation();
  const waiting = [...counts.values()].filter((c) => c.node !== "" && c.waiting > 0);
  if (waiting.length === 0) return <p>{t("journeys.nobodyInside")}</p>;
  return (
    <table className="flow-table" data-testid="publish-people">
      <thead>
        <tr>
          <th scope="col">{t("journeys.step")}</th>
          <th scope="col" className="num">
            {t("journeys.people")}
          </th>
        </tr>
      </thead>
      <tbody>
        {waiting.map((c) => {
          const held = nodeOf(journey.draft, c.node);
          const before = journey.live ? nodeOf(journey.live, c.node) : undefined;
          return (
            <tr key={c.node}>
              <td>
                {held ? titleOf(held) : before ? titleOf(before) : c.node}
                {!held && <small> {t("journeys.stepGone")}</small>}
              </td>
              <td className="num">{number(c.waiting)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Makes the draft the version that people go through. */
export function PublishDialog({ journey, counts, handle, onClose }: Props) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [people, setPeople] = useState<PublishPeople>("follow");
  const publish = useMutation({
    mutationFn: async () => {
      if (!(await handle.flush())) return null;
      return journeysApi.publish(journey.id, people, handle.version());
    },
    onSuccess: (published) => {
      if (!published) return;
      cache.setQueryData<Journey>(keys.journey(journey.id), published);
      void cache.invalidateQueries({ queryKey: keys.journeys });
      toast(t("journeys.published", { name: published.name }));
      onClose();
    },
  });
  const load = useMutation({ mutationFn: () => handle.settle("theirs"), onSuccess: onClose, onError: (error) => toastError(describe(error)) });
  const inside = journey.active > 0;
  return (
    <FormDialog title={t("journeys.publishTitle", { name: journey.name })} submit={t("journeys.publish")} busy={publish.isPending} dirty={false} onSubmit={() => publish.mutate()} onClose={onClose}>
      {publish.error instanceof ApiError && publish.error.code === "journey_changed" ? (
        <Alert>
          <span data-testid="publish-changed">{t("journeys.publishChanged")}</span>{" "}
          <Button type="link" size="small" data-testid="publish-load" loading={load.isPending} onClick={() => load.mutate()}>
            {t("journeys.takeTheirs")}
          </Button>
        </Alert>
      ) : (
        <FormProblem error={publish.error} />
      )}
      {publish.data === null && <Alert>{t("journeys.publishUnsaved")}</Alert>}
      <p>{t(journey.version === null ? "journeys.publishFirst" : "journeys.publishBody")}</p>
      {inside && (
        <>
          <People journey={journey} counts={counts} />
          <RadioGroup
            label={t("journeys.publishPeople", { count: journey.active })}
            testid="publish-choice"
            value={people}
            onChange={setPeople}
            options={choices.map((value) => ({ value, label: t(`journeys.publishAs.${value}`), help: t(`journeys.publishHelp.${value}`) }))}
          />
        </>
      )}
    </FormDialog>
  );
}
