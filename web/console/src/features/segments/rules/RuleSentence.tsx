import { Fragment } from "react";
import type { RuleNode } from "@/api/rule";
import { useNames } from "./names";
import { isGroup, keyOf, negated, type Leaf } from "./tree";
import { leafPieces, rulePieces, type Names, type Piece } from "./words";
import { useTranslation } from "react-i18next";
import "./rules.css";

function Pieces({ pieces }: { pieces: Piece[] }) {
  return pieces.map((piece, i) => <Fragment key={i}>{typeof piece === "string" ? piece : <b>{piece.name}</b>}</Fragment>);
}

function Branch({ node, names }: { node: RuleNode; names: Names }) {
  const { t } = useTranslation();
  const not = negated(node);
  if (not) return <Pieces pieces={leafPieces(not, names, true)} />;
  if (!isGroup(node)) return <Pieces pieces={leafPieces(node as Leaf, names)} />;
  if (!node.of || node.of.length === 0) return t(node.kind === "any" ? "rule.nobody" : "rule.everybody");
  return (
    <>
      <span className="rule-join">{t(`rule.group.${node.kind}`)}</span>
      <ul>
        {node.of.map((child) => (
          <li key={keyOf(child)}>
            <Branch node={child} names={names} />
          </li>
        ))}
      </ul>
    </>
  );
}

interface Props {
  rule: RuleNode;
  /** As a list of its parts instead of one running sentence. */
  list?: boolean;
}

/** A rule in words, in the reader's language. */
export function RuleSentence({ rule, list = false }: Props) {
  const names = useNames();
  return (
    <span className={list ? "rule-list" : "rule-sentence"} data-testid="rule-sentence">
      {list ? <Branch node={rule} names={names} /> : <Pieces pieces={rulePieces(rule, names)} />}
    </span>
  );
}
