import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Customer } from "@/api/types";
import { customerName } from "@/features/customers/name";
import { stageName, useStages } from "@/features/segments/rules/names";
import { fieldProblems } from "@/i18n/problem";
import { Field, FormProblem, Select, TextArea, toast } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";
import { useMoveStage } from "./queries";

interface Props {
  customer: Customer;
  /** Where to, when it was said already: by where a card was dropped. */
  to?: string;
  onClose: () => void;
}

/** Moves somebody to another stage, with the reason that stays in their history. */
export function MoveDialog({ customer, to: dropped, onClose }: Props) {
  const { t } = useTranslation();
  const stages = useStages();
  const from = customer.stage?.key ?? "";
  const [to, setTo] = useState<string | undefined>(dropped);
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const move = useMoveStage();
  const problems = fieldProblems(move.error);
  const label = (key: string) => {
    const stage = stages.find((s) => s.key === key);
    return stage ? stageName(stage) : t("stages.none");
  };
  const submit = () => {
    setMissing(to === undefined);
    if (to === undefined) return;
    move.mutate(
      { customer, to, reason: reason.trim() },
      {
        onSuccess: () => {
          toast(t("stages.moved", { name: customerName(customer), stage: label(to) }));
          onClose();
        },
      },
    );
  };
  return (
    <FormDialog title={t("stages.moveTitle", { name: customerName(customer) })} submit={t("stages.move")} busy={move.isPending} dirty={reason !== ""} onSubmit={submit} onClose={onClose}>
      <FormProblem error={move.error} />
      <Field label={t("stages.to")} help={from ? t("stages.nowIn", { stage: label(from) }) : t("stages.nowNone")} error={missing ? t("stages.toMissing") : problems.stage}>
        {(ids) => (
          <Select
            {...ids}
            data-testid="move-to"
            autoFocus={dropped === undefined}
            placeholder={t("stages.toHint")}
            {...(to === undefined ? {} : { value: to })}
            onChange={setTo}
            options={[...stages.map((s) => ({ value: s.key, label: stageName(s), disabled: s.key === from })), { value: "", label: t("stages.none"), disabled: from === "" }]}
          />
        )}
      </Field>
      <Field label={t("stages.reason")} optional={t("common.optional")} help={t("stages.reasonHelp")} error={problems.reason}>
        {(ids) => <TextArea {...ids} data-testid="move-reason" autoFocus={dropped !== undefined} maxLength={300} autoSize={{ minRows: 2, maxRows: 5 }} value={reason} onChange={(e) => setReason(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
