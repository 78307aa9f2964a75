import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LeafKind, RuleNode } from "@/api/rule";
import { DeleteIcon, Dropdown, IconButton, MoreIcon, Select, type MenuProps } from "@/ui";
import { useEditing } from "./editing";
import { PartCount } from "./GroupCard";
import { LeafControls } from "./LeafControls";
import { leafKinds, retype } from "./leaf";
import { carry, change, duplicateAt, keyOf, mayNegate, replaceAt, shiftAt, wrapAt, type Leaf, type Path } from "./tree";

interface Props {
  leaf: Leaf;
  /** The `none` that says "not" of it. */
  holder?: RuleNode;
  path: Path;
  siblings: number;
}

function RowMenu({ path, siblings }: { path: Path; siblings: number }) {
  const { t } = useTranslation();
  const { update, remove } = useEditing();
  const index = path[path.length - 1] ?? 0;
  const items: MenuProps["items"] = [
    { key: "duplicate", label: t("rule.duplicate") },
    { key: "wrap", label: t("rule.wrap") },
    { key: "up", label: t("rule.moveUp"), disabled: index === 0 },
    { key: "down", label: t("rule.moveDown"), disabled: index === siblings - 1 },
    { type: "divider" },
    { key: "remove", label: t("rule.remove"), icon: <DeleteIcon />, danger: true },
  ];
  const choose: MenuProps["onClick"] = ({ key }) => {
    if (key === "remove") remove(path);
    else update((root) => (key === "duplicate" ? duplicateAt(root, path) : key === "wrap" ? wrapAt(root, path, "any") : shiftAt(root, path, key === "up" ? -1 : 1)));
  };
  return (
    <Dropdown trigger={["click"]} menu={{ items, onClick: choose }}>
      <IconButton size="small" label={t("rule.menu")} placement="left" icon={<MoreIcon />} data-testid="rule-menu" />
    </Dropdown>
  );
}

/** One condition as a sentence whose words are controls. */
export function LeafRow({ leaf, holder, path, siblings }: Props) {
  const { t } = useTranslation();
  const { update, readOnly, problemsAt, added } = useEditing();
  const node = holder ?? leaf;
  const problems = { ...problemsAt(path), ...(holder ? problemsAt([...path, 0]) : {}) };
  const put = (next: Leaf, not = holder !== undefined) => {
    // "Not" around what cannot carry it, or that has its own, is dropped.
    const whole: RuleNode = not && mayNegate(next.kind) ? { kind: "none", of: [next] } : next;
    update((root) => replaceAt(root, path, carry(node, whole)));
  };
  return (
    <div className="rule-row" data-testid="rule-row" data-kind={leaf.kind} data-problem={Object.keys(problems).length > 0 ? "" : undefined}>
      <Select
        size="small"
        className="rule-kind"
        popupMatchSelectWidth={false}
        disabled={readOnly}
        aria-label={t("rule.kindLabel")}
        data-testid="rule-kind"
        value={leaf.kind}
        onChange={(kind: LeafKind) => put(retype(leaf, kind))}
        options={leafKinds.map((value) => ({ value, label: t(`rule.kind.${value}`) }))}
      />
      <div className="rule-say">
        <LeafControls leaf={leaf} not={holder !== undefined} fresh={added === keyOf(node)} problems={problems} onNot={(not) => put(change(leaf, {}), not)} onChange={(patch) => put(change(leaf, patch))} />
        <Problems problems={problems} />
      </div>
      <PartCount path={path} />
      {!readOnly && <RowMenu path={path} siblings={siblings} />}
    </div>
  );
}

function Problems({ problems }: { problems: Record<string, string> }): ReactNode {
  const sentences = [...new Set(Object.values(problems))];
  if (sentences.length === 0) return null;
  return (
    <p className="rule-problem" role="alert">
      {sentences.join(" ")}
    </p>
  );
}
