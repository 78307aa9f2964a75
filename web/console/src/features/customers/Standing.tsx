import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "@tanstack/react-router";
import { behaviourApi } from "@/api/behaviour";
import { keys } from "@/api/keys";
import { segmentsApi } from "@/api/segments";
import type { Customer } from "@/api/types";
import { stageName, useNames, useTags } from "@/features/segments/rules/names";
import { MoveDialog } from "@/features/stages/MoveDialog";
import { usePermission } from "@/features/session/me";
import { ago, full } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { useWatch } from "@/realtime/useWatch";
import { Button, CloseIcon, ErrorState, PlusIcon, Select, Skeleton, StagesIcon, Tag, toastError, useNow } from "@/ui";
import "./standing.css";

/** Where a customer stands, and how to move them. */
export function CustomerStage({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const now = useNow();
  const allowed = usePermission("customers.write");
  const [moving, setMoving] = useState(false);
  const { stage } = customer;
  const name = stage ? stageName(stage) : t("stages.none");
  return (
    <div className="standing-stage" data-testid="customer-stage" data-stage={stage?.key ?? ""}>
      <StagesIcon />
      <span>
        <b>{name}</b>
        {stage && <small title={full(stage.since)}>{t("stages.since", { time: ago(stage.since, now) })}</small>}
      </span>
      {allowed && (
        <Button size="small" data-testid="stage-change" onClick={() => setMoving(true)}>
          {t("stages.change")}
        </Button>
      )}
      {moving && <MoveDialog customer={customer} onClose={() => setMoving(false)} />}
    </div>
  );
}

function AddTag({ taken, onAdd, onClose }: { taken: string[]; onAdd: (name: string) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const tags = useTags();
  const [typed, setTyped] = useState("");
  const wanted = typed.trim();
  const free = tags.filter((tag) => !taken.includes(tag.name));
  const known = [...tags.map((tag) => tag.name), ...taken].some((name) => name.toLowerCase() === wanted.toLowerCase());
  const options = [...free.map((tag) => ({ value: tag.name, label: tag.name, fresh: false })), ...(wanted && !known ? [{ value: wanted, label: wanted, fresh: true }] : [])];
  return (
    <Select
      size="small"
      autoFocus
      defaultOpen
      className="standing-add"
      aria-label={t("customers.addTag")}
      placeholder={t("customers.addTag")}
      data-testid="tag-input"
      popupMatchSelectWidth={false}
      notFoundContent={t("customers.addTag")}
      showSearch={{ searchValue: typed, onSearch: setTyped, filterOption: (input, option) => String(option?.value ?? "").toLowerCase().includes(input.trim().toLowerCase()) }}
      value={null}
      onChange={(name: string | null) => name && onAdd(name)}
      onBlur={onClose}
      optionRender={(option) => (
        <span className="rule-option">
          {option.label}
          {option.data.fresh && <small>{t("customers.newTag")}</small>}
        </span>
      )}
      options={options}
    />
  );
}

/** The tags of a customer: shown at once as they are meant, taken back with the reason when refused. */
export function CustomerTags({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const { feed } = useRealtime();
  const allowed = usePermission("customers.write");
  const [adding, setAdding] = useState(false);
  const tags = customer.tags ?? [];
  const save = useMutation({
    mutationFn: ({ add, remove }: { add: string[]; remove: string[] }) => behaviourApi.changeTags(customer.id, { add, remove }),
    onMutate: ({ add, remove }) => {
      feed.putCustomer({ ...customer, tags: [...tags.filter((name) => !remove.includes(name)), ...add] });
      return { before: customer };
    },
    onError: (error, _, context) => {
      if (context) feed.putCustomer(context.before);
      toastError(describe(error));
    },
    onSuccess: (saved) => {
      feed.putCustomer(saved);
      feed.touchCustomer(saved.id);
      void cache.invalidateQueries({ queryKey: keys.tags });
    },
  });
  return (
    <div className="standing-tags" data-testid="customer-tags">
      {tags.length === 0 && !allowed && <span className="panel-muted">{t("customers.noTags")}</span>}
      {tags.map((name) => (
        <Tag key={name}>
          <span data-testid="customer-tag">{name}</span>
          {allowed && (
            <button type="button" className="ui-plain" aria-label={t("customers.removeTag", { name })} onClick={() => save.mutate({ add: [], remove: [name] })}>
              <CloseIcon />
            </button>
          )}
        </Tag>
      ))}
      {allowed &&
        (adding ? (
          <AddTag
            taken={tags}
            onAdd={(name) => {
              setAdding(false);
              save.mutate({ add: [name], remove: [] });
            }}
            onClose={() => setAdding(false)}
          />
        ) : (
          <Button size="small" type="dashed" icon={<PlusIcon />} data-testid="tag-add" onClick={() => setAdding(true)}>
            {t("customers.addTag")}
          </Button>
        ))}
    </div>
  );
}

/** The segments a customer is in now. */
export function CustomerSegments({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const query = useQuery({ queryKey: keys.segmentsOf(customerId), queryFn: ({ signal }) => segmentsApi.ofCustomer(customerId, signal), ...useWatch({ of: "customer", customer_id: customerId }) });
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const { items } = query.data;
  if (items.length === 0) return <p className="muted">{t("customers.noSegments")}</p>;
  return (
    <ul className="standing-history" data-testid="customer-segments">
      {items.map((segment) => (
        <li key={segment.id}>
          <span>
            <Link to="/segments/$segmentId" params={{ segmentId: segment.id }}>
              {segment.name}
            </Link>
          </span>
          <time dateTime={segment.since} title={full(segment.since)}>
            {ago(segment.since, now)}
          </time>
        </li>
      ))}
    </ul>
  );
}

/** A customer's way through the stages, newest first, with who moved them and why. */
export function StageHistory({ customerId }: { customerId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const names = useNames();
  const query = useQuery({ queryKey: keys.stageChanges(customerId), queryFn: ({ signal }) => behaviourApi.stageChanges(customerId, signal) });
  const name = (key: string) => (key ? names.stage(key) : t("stages.none"));
  if (query.isPending) return <Skeleton lines={2} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const { items } = query.data;
  if (items.length === 0) return <p className="muted">{t("stages.noHistory")}</p>;
  return (
    <ul className="standing-history" data-testid="stage-history">
      {items.map((change) => (
        <li key={change.id} data-to={change.to}>
          <span>
            {t("stages.changeLine", { from: name(change.from), to: name(change.to) })}
            <small>
              {t(`stages.kind.${change.kind}`)}
              {change.actor.name ? ` · ${change.actor.name}` : ""}
              {change.reason ? ` · ${change.reason}` : ""}
            </small>
          </span>
          <time dateTime={change.at} title={full(change.at)}>
            {ago(change.at, now)}
          </time>
        </li>
      ))}
    </ul>
  );
}
