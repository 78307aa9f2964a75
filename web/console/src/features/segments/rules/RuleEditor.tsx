import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RuleNode } from "@/api/rule";
import { toast } from "@/ui";
import { EditingContext, type Editing } from "./editing";
import { GroupCard } from "./GroupCard";
import { countNodes, insertAt, isGroup, keyOf, MAX_NODES, nodeAt, pathText, removeAt, rooted, type Path } from "./tree";
import "./rules.css";

interface Props {
  value: RuleNode;
  onChange: (rule: RuleNode) => void;
  /** Sentences by the place that the API named: "rule.of[1].where[0].value". */
  problems?: Record<string, string> | undefined;
  /** How the API calls the place of this rule; "rule" when nothing else is said. */
  prefix?: string;
  /** How many people each part takes, by place. */
  counts?: ReadonlyMap<string, number> | undefined;
  readOnly?: boolean;
  /** The id of the segment whose rule this is. */
  own?: string;
}

/** Sentences about one place; those of places below it stay with them. */
function problemsAt(problems: Record<string, string>, place: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [field, sentence] of Object.entries(problems)) {
    if (field === place) out[""] = sentence;
    else if (field.startsWith(`${place}.`) && !field.startsWith(`${place}.of[`)) out[field.slice(place.length + 1)] = sentence;
  }
  return out;
}

/** Builds a rule from sentences in nested groups. The value is a whole tree, unfinished conditions included. */
export function RuleEditor({ value, onChange, problems = {}, prefix = "rule", counts, readOnly = false, own }: Props) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<string>();
  // A single condition is shown in a group of one; what the API says of it names no group.
  const wrapped = useMemo(() => rooted(value), [value]);
  const bare = !isGroup(value);
  const latest = useRef<RuleNode>(wrapped);
  latest.current = wrapped;

  const editing = useMemo((): Editing => {
    const update: Editing["update"] = (act) => {
      const next = act(latest.current);
      if (next === latest.current) return;
      latest.current = next;
      onChange(next);
    };
    const place = (path: Path) => pathText(prefix, bare ? path.slice(1) : path);
    return {
      root: wrapped,
      update,
      problemsAt: (path) => problemsAt(problems, place(path)),
      countAt: (path) => counts?.get(path.join()),
      add: (group, node) => {
        setAdded(keyOf(node));
        update((root) => insertAt(root, group, nodeAt(root, group)?.of?.length ?? 0, node));
      },
      remove: (path) => {
        const gone = nodeAt(latest.current, path);
        const index = path[path.length - 1];
        if (!gone || index === undefined) return;
        update((root) => removeAt(root, path));
        toast(t("rule.removed"), { label: t("common.undo"), run: () => update((root) => insertAt(root, path.slice(0, -1), index, gone)) });
      },
      readOnly,
      full: countNodes(wrapped) >= MAX_NODES,
      own,
      added,
    };
  }, [added, bare, counts, onChange, own, prefix, problems, readOnly, t, wrapped]);

  return (
    <EditingContext value={editing}>
      <div className="rule-editor" data-testid="rule-editor">
        <GroupCard group={wrapped} path={[]} />
      </div>
    </EditingContext>
  );
}
