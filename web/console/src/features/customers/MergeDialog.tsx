import { useMutation, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useDeferredValue, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Customer, Merge, Page } from "@/api/types";
import { newClientKey } from "@/features/inbox/send";
import { ago } from "@/i18n/format";
import { describe } from "@/i18n/problem";
import { useRealtime } from "@/realtime/provider";
import { Button, ErrorState, Input, Modal, SearchIcon, Skeleton, toast, toastError, useNow } from "@/ui";
import { CustomerAvatar } from "./CustomerAvatar";
import { MergeSides } from "./MergeSides";
import { customerName } from "./name";

const FOUND = 12;

/** Finds the other customer, without the one it is about. */
function Choose({ self, onChoose }: { self: Customer; onChoose: (other: Customer) => void }) {
  const { t } = useTranslation();
  const now = useNow();
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed.trim());
  const query = useQuery({
    queryKey: keys.customersFound(wanted, FOUND + 1),
    queryFn: ({ signal }) => api.customers({ q: wanted, limit: FOUND + 1 }, signal),
    placeholderData: (previous) => previous,
  });
  const found = (query.data?.items ?? []).filter((c) => c.id !== self.id).slice(0, FOUND);
  return (
    <div className="merge-choose">
      <p>{t("merge.choose", { name: customerName(self) })}</p>
      <Input autoFocus allowClear prefix={<SearchIcon />} data-testid="merge-search" aria-label={t("merge.search")} placeholder={t("merge.search")} value={typed} onChange={(event) => setTyped(event.target.value)} />
      {query.isPending ? (
        <Skeleton lines={4} />
      ) : query.isLoadingError ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : found.length === 0 ? (
        <p className="muted">{wanted ? t("merge.noMatch", { query: wanted }) : t("merge.searchHint")}</p>
      ) : (
        <ul>
          {found.map((c) => (
            <li key={c.id}>
              <button type="button" className="merge-candidate" data-testid="merge-candidate" data-customer-id={c.id} onClick={() => onChoose(c)}>
                <CustomerAvatar customer={c} size={28} />
                <span>{customerName(c)}</span>
                <small>{c.last_seen_at ? t("panel.lastSeen", { time: ago(c.last_seen_at, now) }) : t("panel.neverSeen")}</small>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface CompareProps {
  one: string;
  other: string;
  onBack: (() => void) | null;
  onMerged: (merge: Merge) => void;
}

/** What a merge would do and what speaks against it, before it is done. */
function Compare({ one, other, onBack, onMerged }: CompareProps) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const { feed } = useRealtime();
  const [survivor, setSurvivor] = useState<string | null>(null);
  const [sure, setSure] = useState(false);
  const key = useRef(newClientKey());
  const first = useQuery({ queryKey: keys.mergePreview(one, other), queryFn: ({ signal }) => api.mergePreview(one, other, signal), staleTime: 0, gcTime: 0 });
  // Who stays is suggested until somebody chooses.
  const suggested = first.data ? (first.data.suggested_survivor_id === first.data.absorbed.customer.id ? other : one) : one;
  const stays = survivor ?? suggested;
  const goes = stays === one ? other : one;
  const swapped = useQuery({ queryKey: keys.mergePreview(other, one), queryFn: ({ signal }) => api.mergePreview(other, one, signal), enabled: stays === other, staleTime: 0, gcTime: 0 });
  const query = stays === one ? first : swapped;
  const serious = query.data?.objections.filter((o) => o.serious) ?? [];
  const merge = useMutation({
    mutationFn: () => api.merge(stays, { absorb: goes, client_key: key.current, despite: serious.map((o) => o.code) }),
    onSuccess: (done) => {
      // The log shows it at once; what else has changed is asked for.
      cache.setQueryData<InfiniteData<Page<Merge>>>(keys.merges(stays), (log) => log && { ...log, pages: log.pages.map((page, i) => (i === 0 ? { ...page, items: [done, ...page.items] } : page)) });
      for (const id of [one, other]) feed.touchCustomer(id);
      void cache.invalidateQueries({ queryKey: keys.customers });
      onMerged(done);
    },
    onError: (error) => toastError(describe(error)),
  });
  if (query.isPending) return <Skeleton lines={7} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <>
      <MergeSides
        preview={query.data}
        suggested={stays === suggested}
        sure={sure}
        onSure={setSure}
        onSwap={() => {
          // Another direction is another wish.
          key.current = newClientKey();
          setSure(false);
          setSurvivor(goes);
        }}
      />
      <div className="merge-acts">
        {onBack && <Button onClick={onBack}>{t("merge.back")}</Button>}
        <Button type="primary" data-testid="merge-submit" loading={merge.isPending} disabled={serious.length > 0 && !sure} onClick={() => merge.mutate()}>
          {t("merge.submit")}
        </Button>
      </div>
    </>
  );
}

interface Props {
  customer: Customer;
  /** Whom to compare with; chosen in the dialog without it. */
  other?: string | undefined;
  onClose: () => void;
  /** The customer who stayed. */
  onMerged: (survivorId: string) => void;
}

/** Merges two customers by hand: choose, compare, decide. Undo stays at hand. */
export function MergeDialog({ customer, other, onClose, onMerged }: Props) {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const [chosen, setChosen] = useState(other);
  const undo = async (merge: Merge) => {
    try {
      await api.undoMerge(merge.id);
      for (const id of [merge.survivor.id, merge.absorbed.id]) feed.touchCustomer(id);
      toast(t("merge.undoneToast"));
    } catch (error) {
      toastError(describe(error));
    }
  };
  const merged = (merge: Merge) => {
    onClose();
    toast(t("merge.done", { name: customerName(merge.absorbed) }), { label: t("common.undo"), run: () => void undo(merge) });
    onMerged(merge.survivor.id);
  };
  return (
    <Modal open title={t("merge.title")} footer={null} width={720} onCancel={onClose} destroyOnHidden>
      <div className="merge-dialog" data-testid="merge-dialog">
        {chosen ? <Compare key={chosen} one={customer.id} other={chosen} onBack={other ? null : () => setChosen(undefined)} onMerged={merged} /> : <Choose self={customer} onChoose={(c) => setChosen(c.id)} />}
      </div>
    </Modal>
  );
}
