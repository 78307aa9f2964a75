import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/calls";
import { keys } from "@/api/keys";
import type { Consent, ConsentPurpose, Consents as Held, Customer } from "@/api/types";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName, channels } from "@/features/channels/channels";
import { newClientKey } from "@/features/inbox/send";
import { usePermission } from "@/features/session/me";
import { ago, full } from "@/i18n/format";
import { fieldProblems } from "@/i18n/problem";
import { Button, ErrorState, Field, FormProblem, Input, Segmented, Skeleton, Tag, toast, useNow } from "@/ui";
import { FormDialog } from "@/ui/form-dialog";
import { sourceWords } from "./consent-source";
import { customerName } from "./name";

const purposes: ConsentPurpose[] = ["marketing", "transactional"];

interface Asked {
  channel: string;
  purpose: ConsentPurpose;
  state: Consent["state"];
}

/** Writes down what a customer said, and where. */
function SayDialog({ customer, asked, onClose }: { customer: Customer; asked: Asked; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const key = useRef(newClientKey());
  const [state, setState] = useState(asked.state);
  const [source, setSource] = useState("");
  const [missing, setMissing] = useState(false);
  const save = useMutation({
    mutationFn: () => api.setConsent(customer.id, { client_key: key.current, channel: asked.channel, purpose: asked.purpose, state, source: source.trim() }),
    onSuccess: (held) => {
      cache.setQueryData<Held>(keys.consents(customer.id), held);
      void cache.invalidateQueries({ queryKey: keys.timeline(customer.id) });
      toast(t("consents.saved"));
      onClose();
    },
  });
  const submit = () => {
    setMissing(source.trim() === "");
    if (source.trim() !== "") save.mutate();
  };
  return (
    <FormDialog title={t("consents.set", { name: customerName(customer) })} submit={t("consents.submit")} busy={save.isPending} dirty={source !== ""} onSubmit={submit} onClose={onClose}>
      <FormProblem error={save.error} />
      <p>
        <ChannelIcon channel={asked.channel} silent /> {channelName(asked.channel)} · {t(`consents.${asked.purpose}`)}
      </p>
      <Segmented
        aria-label={t("consents.title")}
        value={state}
        onChange={setState}
        options={(["granted", "withdrawn"] as const).map((value) => ({ value, label: t(`consents.${value}`) }))}
      />
      <Field label={t("consents.source")} help={t("consents.sourceHelp")} error={missing ? t("consents.sourceMissing") : fieldProblems(save.error).source}>
        {(ids) => <Input {...ids} autoFocus data-testid="consent-source" maxLength={200} value={source} onChange={(event) => setSource(event.target.value)} />}
      </Field>
    </FormDialog>
  );
}

function Cell({ consent, onChange }: { consent: Consent | undefined; onChange: (() => void) | null }) {
  const { t } = useTranslation();
  const now = useNow();
  const state = consent?.state;
  const words = t(state ? `consents.${state}` : "consents.unsaid");
  const why = consent ? t("consents.by", { source: sourceWords(consent), by: consent.actor.name ?? t("consents.system"), time: ago(consent.at, now) }) : undefined;
  const mark = <Tag tone={state === "granted" ? "ok" : state === "withdrawn" ? "danger" : undefined}>{words}</Tag>;
  if (!onChange) return <span title={why}>{mark}</span>;
  return (
    <button type="button" className="consent" data-testid="consent" data-state={state ?? "unsaid"} title={why} aria-label={`${words}. ${t("consents.change")}`} onClick={onChange}>
      {mark}
    </button>
  );
}

/** What a customer allows, by channel and purpose; every change says where it was said. */
export function Consents({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const allowed = usePermission("customers.write");
  const now = useNow();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [history, setHistory] = useState(false);
  const query = useQuery({ queryKey: keys.consents(customer.id), queryFn: ({ signal }) => api.consents(customer.id, signal) });
  if (query.isPending) return <Skeleton lines={3} />;
  if (query.isLoadingError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const held = query.data;
  const of = (channel: string, purpose: ConsentPurpose) => held.current.find((c) => c.channel === channel && c.purpose === purpose);
  const ask = (channel: string, purpose: ConsentPurpose) => (allowed ? () => setAsked({ channel, purpose, state: of(channel, purpose)?.state === "granted" ? "withdrawn" : "granted" }) : null);
  return (
    <div data-testid="consents">
      <table className="consents">
        <thead>
          <tr>
            <th scope="col">{t("consents.channel")}</th>
            {purposes.map((purpose) => (
              <th scope="col" key={purpose}>
                {t(`consents.${purpose}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {channels.map((channel) => (
            <tr key={channel}>
              <th scope="row">
                <ChannelIcon channel={channel} silent /> {channelName(channel)}
              </th>
              {purposes.map((purpose) => (
                <td key={purpose}>
                  <Cell consent={of(channel, purpose)} onChange={ask(channel, purpose)} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="consent-help">{t("consents.help")}</p>
      {held.history.length > 0 && (
        <Button type="link" size="small" aria-expanded={history} onClick={() => setHistory(!history)}>
          {t("consents.history")}
        </Button>
      )}
      {history && (
        <ul className="consent-history">
          {held.history.map((c) => (
            <li key={c.id} title={full(c.at)}>
              {t(c.state === "granted" ? "timeline.granted" : "timeline.withdrawn", { channel: channelName(c.channel), purpose: t(`consents.${c.purpose}`) })}
              <small>{t("consents.by", { source: sourceWords(c), by: c.actor.name ?? t("consents.system"), time: ago(c.at, now) })}</small>
            </li>
          ))}
        </ul>
      )}
      {asked && <SayDialog customer={customer} asked={asked} onClose={() => setAsked(null)} />}
    </div>
  );
}
