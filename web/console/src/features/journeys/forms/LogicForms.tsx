import { useTranslation } from "react-i18next";
import type { Way } from "@/api/journeys";
import { share } from "@/i18n/format";
import { Button, Checkbox, DeleteIcon, DownIcon, Field, IconButton, Input, InputNumber, PlusIcon, UpIcon } from "@/ui";
import { addWay } from "../graph";
import { RuleField } from "./fields";
import { below, type FormProps } from "./form";

const MAX_WAYS = 20;

function useWays({ node, set }: FormProps) {
  const ways = node.ways ?? [];
  return {
    ways,
    change: (i: number, patch: Partial<Way>, mark?: string) => set({ ways: ways.map((w, k) => (k === i ? { ...w, ...patch } : w)) }, mark && `${mark}-${i}`),
    remove: (i: number) => set({ ways: ways.filter((_, k) => k !== i) }),
    add: () => set({ ways: addWay(node).ways ?? [] }),
    swap: (i: number, k: number) => {
      const next = [...ways];
      [next[i], next[k]] = [next[k]!, next[i]!];
      set({ ways: next });
    },
  };
}

/** The ways of a branch: the first whose rule is true is taken. */
export function BranchForm(props: FormProps) {
  const { t } = useTranslation();
  const { problems, readOnly } = props;
  const { ways, change, remove, add, swap } = useWays(props);
  return (
    <>
      <p className="flow-help">{t("journeys.branchHelp")}</p>
      {ways.map((way, i) => (
        <fieldset key={i} className="flow-way-form" data-testid="branch-way">
          <legend>{t("journeys.wayNumber", { number: i + 1 })}</legend>
          {!readOnly && (
            <span className="flow-way-acts">
              <IconButton size="small" label={t("journeys.wayUp", { number: i + 1 })} icon={<UpIcon />} disabled={i === 0} onClick={() => swap(i, i - 1)} />
              <IconButton size="small" label={t("journeys.wayDown", { number: i + 1 })} icon={<DownIcon />} disabled={i === ways.length - 1} onClick={() => swap(i, i + 1)} />
              <IconButton size="small" label={t("journeys.wayRemove", { number: i + 1 })} icon={<DeleteIcon />} disabled={ways.length === 1} onClick={() => remove(i)} />
            </span>
          )}
          <Field label={t("journeys.wayName")} optional={t("common.optional")} error={problems[`ways[${i}].name`]}>
            {(ids) => <Input {...ids} disabled={readOnly} maxLength={120} data-testid="way-name" value={way.name ?? ""} onChange={(e) => change(i, { name: e.target.value }, "way-name")} />}
          </Field>
          <RuleField label={t("journeys.wayRule")} value={way.rule} problems={problems} prefix={`ways[${i}].rule`} readOnly={readOnly} onChange={(rule) => change(i, { rule })} />
        </fieldset>
      ))}
      {!readOnly && (
        <Button size="small" icon={<PlusIcon />} disabled={ways.length >= MAX_WAYS} data-testid="way-add" onClick={add}>
          {t("journeys.wayAdd")}
        </Button>
      )}
      {problems.ways && <p className="ui-error">{problems.ways}</p>}
    </>
  );
}

/** The ways of a split with their shares, which together are everybody. */
export function SplitForm(props: FormProps) {
  const { t } = useTranslation();
  const { problems, readOnly, set } = props;
  const { ways, change, remove, add } = useWays(props);
  const sum = ways.reduce((total, way) => total + (way.percent ?? 0), 0);
  const even = () => {
    const each = Math.floor(10_000 / ways.length) / 100;
    set({ ways: ways.map((way, i) => ({ ...way, percent: i === 0 ? Math.round((100 - each * (ways.length - 1)) * 100) / 100 : each })) });
  };
  return (
    <>
      <p className="flow-help">{t("journeys.splitHelp")}</p>
      <ul className="flow-shares">
        {ways.map((way, i) => (
          <li key={i} data-testid="split-way">
            <InputNumber
              aria-label={t("journeys.share", { number: i + 1 })}
              min={0}
              max={100}
              suffix="%"
              controls={false}
              disabled={readOnly}
              status={problems[`ways[${i}].percent`] || problems.ways ? "error" : ""}
              data-testid="way-percent"
              value={way.percent ?? 0}
              onChange={(percent) => change(i, { percent: percent ?? 0 }, "percent")}
            />
            <Input aria-label={`${t("journeys.wayName")}: ${i + 1}`} placeholder={way.holdout ? t("journeys.holdout") : t("journeys.wayNumber", { number: i + 1 })} disabled={readOnly} maxLength={120} value={way.name ?? ""} onChange={(e) => change(i, { name: e.target.value }, "way-name")} />
            {!readOnly && <IconButton size="small" label={t("journeys.wayRemove", { number: i + 1 })} icon={<DeleteIcon />} disabled={ways.length === 1} onClick={() => remove(i)} />}
            <Checkbox disabled={readOnly} checked={way.holdout ?? false} onChange={(e) => change(i, { holdout: e.target.checked })}>
              {t("journeys.isHoldout")}
            </Checkbox>
          </li>
        ))}
      </ul>
      <p className={problems.ways ? "ui-error" : "flow-help"} role={problems.ways ? "alert" : undefined}>
        {problems.ways ?? t("journeys.shareSum", { sum: share(sum / 100) })}
      </p>
      {!readOnly && (
        <span className="flow-row">
          <Button size="small" icon={<PlusIcon />} disabled={ways.length >= MAX_WAYS} data-testid="way-add" onClick={add}>
            {t("journeys.wayAdd")}
          </Button>
          <Button size="small" onClick={even} data-testid="way-even">
            {t("journeys.shareEven")}
          </Button>
        </span>
      )}
      {below(problems, "ways") && !problems.ways && <p className="ui-error">{below(problems, "ways")}</p>}
    </>
  );
}
