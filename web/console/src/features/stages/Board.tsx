import { Link } from "@tanstack/react-router";
import { useState, type DragEvent } from "react";
import { useTranslation } from "react-i18next";
import { NO_STAGE, type Stage } from "@/api/behaviour";
import type { Customer } from "@/api/types";
import { CustomerAvatar } from "@/features/customers/CustomerAvatar";
import { customerName } from "@/features/customers/name";
import { stageName } from "@/features/segments/rules/names";
import { usePermission } from "@/features/session/me";
import { ago, full, number } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { Button, IconButton, More, MoreIcon, Select, Skeleton, Tag, useNow, usePhone } from "@/ui";
import { MoveDialog } from "./MoveDialog";
import { useStagePeople } from "./queries";

/** What is being dragged; drops may only read what they themselves brought. */
let dragged: Customer | null = null;

function Card({ customer, onMove }: { customer: Customer; onMove: (() => void) | null }) {
  const { t } = useTranslation();
  const now = useNow();
  const since = customer.stage?.since;
  return (
    <li
      className="stage-card"
      data-testid="stage-card"
      data-customer-id={customer.id}
      draggable={onMove !== null}
      onDragStart={(event) => {
        dragged = customer;
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", customerName(customer));
      }}
      onDragEnd={() => (dragged = null)}
    >
      <CustomerAvatar customer={customer} size={26} online={customer.online} />
      <div className="grow">
        <Link to="/customers/$customerId" params={{ customerId: customer.id }} draggable={false}>
          {customerName(customer)}
        </Link>
        {since ? (
          <small title={full(since)}>{t("stages.since", { time: ago(since, now) })}</small>
        ) : (
          customer.last_seen_at && <small title={full(customer.last_seen_at)}>{t("panel.lastSeen", { time: ago(customer.last_seen_at, now) })}</small>
        )}
        {(customer.tags ?? []).length > 0 && (
          <span className="stage-tags">
            {(customer.tags ?? []).slice(0, 3).map((tag) => (
              <Tag key={tag}>{tag}</Tag>
            ))}
            {(customer.tags ?? []).length > 3 && <Tag>+{(customer.tags ?? []).length - 3}</Tag>}
          </span>
        )}
      </div>
      {onMove && <IconButton size="small" label={t("stages.moveTitle", { name: customerName(customer) })} icon={<MoreIcon />} data-testid="stage-move" onClick={onMove} />}
    </li>
  );
}

interface ColumnProps {
  stageKey: string;
  name: string;
  count: number | undefined;
  ruled: boolean;
  onMove: ((customer: Customer, to?: string) => void) | null;
}

function Column({ stageKey, name, count, ruled, onMove }: ColumnProps) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const query = useStagePeople(stageKey);
  const people = query.data?.pages.flatMap((page) => page.items) ?? [];
  const total = count ?? query.data?.pages[0]?.total;
  const takes = (event: DragEvent) => {
    if (!onMove || !dragged || (dragged.stage?.key ?? NO_STAGE) === stageKey) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    setOver(true);
  };
  return (
    <section
      className="stage-column"
      data-testid="stage-column"
      data-stage={stageKey}
      data-over={over ? "" : undefined}
      aria-label={name}
      onDragOver={takes}
      onDragLeave={(event) => !event.currentTarget.contains(event.relatedTarget as Node | null) && setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (dragged) onMove?.(dragged, stageKey === NO_STAGE ? "" : stageKey);
        dragged = null;
      }}
    >
      <header>
        <h2>{name}</h2>
        {ruled && (
          <Tag>
            <span title={t("stages.ruledHelp")}>{t("stages.ruled")}</span>
          </Tag>
        )}
        <span className="num" data-testid="stage-count">
          {total === undefined ? "" : number(total)}
        </span>
      </header>
      {query.isPending ? (
        <Skeleton lines={3} />
      ) : query.isError && people.length === 0 ? (
        <p className="stage-none" role="alert">
          {describe(query.error)}{" "}
          <Button size="small" type="link" onClick={() => void query.refetch()}>
            {t("common.retry")}
          </Button>
        </p>
      ) : people.length === 0 ? (
        <p className="stage-none">{t("stages.nobody")}</p>
      ) : (
        <ul>
          {people.map((customer) => (
            <Card key={customer.id} customer={customer} onMove={onMove && (() => onMove(customer))} />
          ))}
        </ul>
      )}
      <More of={query} small />
    </section>
  );
}

/** The stages as columns, with the people who stand in them; on a phone one at a time. */
export function Board({ stages }: { stages: Stage[] }) {
  const { t } = useTranslation();
  const phone = usePhone();
  const mayMove = usePermission("customers.write");
  const [moving, setMoving] = useState<{ customer: Customer; to?: string } | null>(null);
  const [chosen, setChosen] = useState<string>();
  const onMove = mayMove ? (customer: Customer, to?: string) => setMoving({ customer, ...(to === undefined ? {} : { to }) }) : null;
  const columns = [{ key: NO_STAGE, name: t("stages.none"), count: undefined as number | undefined, ruled: false }, ...stages.map((s) => ({ key: s.key, name: stageName(s), count: s.count as number | undefined, ruled: s.rule !== null }))];
  const first = columns.find((c) => (c.count ?? 0) > 0)?.key ?? NO_STAGE;
  const shown = phone ? columns.filter((c) => c.key === (chosen ?? first)) : columns;
  return (
    <>
      {phone && <Select className="stage-choice" aria-label={t("stages.choose")} data-testid="stage-choice" value={chosen ?? first} onChange={setChosen} options={columns.map((c) => ({ value: c.key, label: c.count === undefined ? c.name : `${c.name} · ${number(c.count)}` }))} />}
      <div className="stage-board" data-testid="stage-board" tabIndex={phone ? undefined : 0} role="group" aria-label={t("stages.title")}>
        {shown.map((c) => (
          <Column key={c.key} stageKey={c.key} name={c.name} count={c.count} ruled={c.ruled} onMove={onMove} />
        ))}
      </div>
      {moving && <MoveDialog customer={moving.customer} {...(moving.to === undefined ? {} : { to: moving.to })} onClose={() => setMoving(null)} />}
    </>
  );
}
