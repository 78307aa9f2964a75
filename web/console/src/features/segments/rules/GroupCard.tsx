import { useTranslation } from "react-i18next";
import type { GroupKind, LeafKind } from "@/api/rule";
import { number } from "@/i18n/format";
import { Button, CaretIcon, DeleteIcon, Dropdown, IconButton, MoreIcon, PlusIcon, Select, type MenuProps } from "@/ui";
import { useEditing } from "./editing";
import { leafKinds, newLeaf } from "./leaf";
import { LeafRow } from "./LeafRow";
import { change, depthOf, duplicateAt, isGroup, keyOf, MAX_DEPTH, negated, newGroup, replaceAt, shiftAt, unwrapAt, type Group, type Leaf, type Path } from "./tree";

const groupKinds: GroupKind[] = ["all", "any", "none"];

/** How many people a part of the rule takes on its own. */
export function PartCount({ path }: { path: Path }) {
  const { t } = useTranslation();
  const count = useEditing().countAt(path);
  if (count === undefined) return null;
  return (
    <span className="rule-count num" title={t("rule.countHelp")} data-testid="rule-count">
      {number(count)}
    </span>
  );
}

function GroupMenu({ path }: { path: Path }) {
  const { t } = useTranslation();
  const { update, remove } = useEditing();
  const items: MenuProps["items"] = [
    { key: "duplicate", label: t("rule.duplicate") },
    { key: "unwrap", label: t("rule.unwrap") },
    { key: "up", label: t("rule.moveUp") },
    { key: "down", label: t("rule.moveDown") },
    { type: "divider" },
    { key: "remove", label: t("rule.removeGroup"), icon: <DeleteIcon />, danger: true },
  ];
  const choose: MenuProps["onClick"] = ({ key }) => {
    if (key === "remove") remove(path);
    else update((root) => (key === "duplicate" ? duplicateAt(root, path) : key === "unwrap" ? unwrapAt(root, path) : shiftAt(root, path, key === "up" ? -1 : 1)));
  };
  return (
    <Dropdown trigger={["click"]} menu={{ items, onClick: choose }}>
      <IconButton size="small" label={t("rule.groupMenu")} placement="left" icon={<MoreIcon />} />
    </Dropdown>
  );
}

function AddButtons({ path, room }: { path: Path; room: boolean }) {
  const { t } = useTranslation();
  const { add, full } = useEditing();
  const items: MenuProps["items"] = leafKinds.map((kind) => ({
    key: kind,
    label: (
      <span className="rule-choice" data-testid={`add-${kind}`}>
        {t(`rule.kind.${kind}`)}
        <small>{t(`rule.kindHelp.${kind}`)}</small>
      </span>
    ),
  }));
  return (
    <div className="rule-add">
      <Dropdown trigger={["click"]} disabled={full} menu={{ items, onClick: ({ key }) => add(path, newLeaf(key as LeafKind)) }}>
        <Button size="small" icon={<PlusIcon />} data-testid="add-condition">
          {t("rule.addCondition")} <CaretIcon />
        </Button>
      </Dropdown>
      <Button size="small" type="text" icon={<PlusIcon />} disabled={full || !room} data-testid="add-group" onClick={() => add(path, newGroup("any", [newLeaf("event")]))}>
        {t("rule.addGroup")}
      </Button>
      {full && <span className="rule-note">{t("rule.full")}</span>}
    </div>
  );
}

/** A group of conditions: how they are joined, what they are, and room for more. */
export function GroupCard({ group, path }: { group: Group; path: Path }) {
  const { t } = useTranslation();
  const { root, update, readOnly, problemsAt } = useEditing();
  const problem = Object.values(problemsAt(path))[0];
  const nested = path.length > 0;
  return (
    <section className="rule-group" data-kind={group.kind} data-nested={nested ? "" : undefined} data-testid="rule-group" aria-label={t(`rule.group.${group.kind}`)}>
      <header>
        <Select
          size="small"
          variant={nested ? "outlined" : "borderless"}
          popupMatchSelectWidth={false}
          disabled={readOnly}
          aria-label={t("rule.joinLabel")}
          data-testid="group-kind"
          value={group.kind}
          onChange={(kind: GroupKind) => update((tree) => replaceAt(tree, path, change(group, { kind })))}
          options={groupKinds.map((value) => ({ value, label: t(`rule.group.${value}`) }))}
        />
        <PartCount path={path} />
        {nested && !readOnly && <GroupMenu path={path} />}
      </header>
      {problem && (
        <p className="rule-problem" role="alert">
          {problem}
        </p>
      )}
      {group.of.length === 0 && <p className="rule-empty">{t(group.kind === "any" ? "rule.emptyAny" : nested ? "rule.emptyNested" : "rule.emptyRoot")}</p>}
      <ol>
        {group.of.map((node, index) => {
          const at = [...path, index];
          const not = negated(node);
          return (
            <li key={keyOf(node)} data-joint={index === 0 ? undefined : t(group.kind === "all" ? "rule.jointWordAll" : "rule.jointWordAny")}>
              {not ? <LeafRow leaf={not} holder={node} path={at} siblings={group.of.length} /> : isGroup(node) ? <GroupCard group={node.of ? node : { ...node, of: [] }} path={at} /> : <LeafRow leaf={node as Leaf} path={at} siblings={group.of.length} />}
            </li>
          );
        })}
      </ol>
      {!readOnly && <AddButtons path={path} room={path.length + 2 < MAX_DEPTH && depthOf(root) <= MAX_DEPTH} />}
    </section>
  );
}
