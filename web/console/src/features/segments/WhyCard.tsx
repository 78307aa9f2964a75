import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import { useTranslation } from "react-i18next";
import { keys } from "@/api/keys";
import type { RuleNode } from "@/api/rule";
import { segmentsApi } from "@/api/segments";
import { CustomerPicker, type PickedCustomer } from "@/features/customers/CustomerPicker";
import { customerName } from "@/features/customers/name";
import { full } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Alert, CloseIcon, ResolveIcon, Skeleton } from "@/ui";
import { useNames, useSegments } from "./rules";
import { whyLines, type WhyLine } from "./why";

function Line({ line }: { line: WhyLine }) {
  const { t } = useTranslation();
  return (
    <li data-match={line.match} data-testid="why-line">
      <span className="why-mark" role="img" aria-label={t(line.match ? "why.true" : "why.false")}>
        {line.match ? <ResolveIcon /> : <CloseIcon />}
      </span>
      <div>
        <span className={line.group ? "why-group" : undefined}>{line.pieces.map((piece, i) => <Fragment key={i}>{typeof piece === "string" ? piece : <b>{piece.name}</b>}</Fragment>)}</span>
        {line.actual && (
          <small className="why-actual" data-testid="why-actual">
            {line.actual}
          </small>
        )}
        {!line.group && line.until && <small>{t("why.until", { time: full(line.until) })}</small>}
        {line.of.length > 0 && (
          <ul>
            {line.of.map((below, i) => (
              <Line key={i} line={below} />
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

/** The answer for one person: in or out, and what decided it. */
export function WhyAnswer({ rule, customer }: { rule: RuleNode; customer: PickedCustomer }) {
  const { t } = useTranslation();
  const names = useNames();
  const segments = useSegments();
  const text = JSON.stringify(rule);
  const query = useQuery({
    queryKey: keys.why(text, customer.id),
    queryFn: ({ signal }) => segmentsApi.why(rule, customer.id, signal),
    retry: false,
    placeholderData: (previous) => previous,
  });
  if (query.isPending) return <Skeleton lines={3} />;
  if (query.isError) return <Alert>{describe(query.error)}</Alert>;
  const { match, until, why } = query.data;
  const name = customerName(customer);
  return (
    <div className="why" data-testid="why-answer" data-match={match}>
      <p className="why-verdict" data-match={match}>
        {t(match ? "why.in" : "why.out", { name })}
        {until && <small>{t(match ? "why.inUntil" : "why.outUntil", { time: full(until) })}</small>}
      </p>
      <ul>
        <Line line={whyLines(rule, why, names, (id) => segments.find((s) => s.id === id)?.rule)} />
      </ul>
      <Link to="/customers/$customerId" params={{ customerId: customer.id }}>
        {t("panel.profile")}
      </Link>
    </div>
  );
}

interface Props {
  /** The finished part of a rule, which can be asked. */
  rule: RuleNode;
  /** Whom to begin with. */
  start?: PickedCustomer;
}

/** Chooses a person and says why they are in or out. */
export function WhyCard({ rule, start }: Props) {
  const { t } = useTranslation();
  const [customer, setCustomer] = useState<PickedCustomer | null>(start ?? null);
  return (
    <section className="segment-card" aria-label={t("why.title")}>
      <h3>{t("why.title")}</h3>
      <CustomerPicker value={customer} onChange={setCustomer} placeholder={t("why.choose")} />
      {customer ? <WhyAnswer rule={rule} customer={customer} /> : <p className="muted">{t("why.help")}</p>}
    </section>
  );
}
