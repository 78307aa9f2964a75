import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { journeysApi, type MessageStep } from "@/api/journeys";
import { keys } from "@/api/keys";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channelName } from "@/features/channels/channels";
import { CustomerPicker, type PickedCustomer } from "@/features/customers/CustomerPicker";
import { describe, sentenceFor } from "@/i18n/problem";
import { Alert, Button, CloseIcon, DownIcon, Field, IconButton, PlusIcon, Segmented, Skeleton, UpIcon } from "@/ui";
import { useEditor } from "../context";
import { below, type FormProps } from "./form";
import { LiquidField } from "./LiquidField";

const every = ["wechat", "email", "webchat"];
/** Typing must pause this long before the preview is asked for. */
const PREVIEW_AFTER = 500;

function useSettled<T>(value: T, ms: number): T {
  const [held, setHeld] = useState(value);
  useEffect(() => {
    const id = setTimeout(() => setHeld(value), ms);
    return () => clearTimeout(id);
  }, [ms, value]);
  return held;
}

/** The channels in the order in which they are tried. */
function Channels({ value, error, readOnly, onChange }: { value: string[]; error: string | undefined; readOnly: boolean; onChange: (channels: string[]) => void }) {
  const { t } = useTranslation();
  const swap = (i: number, k: number) => {
    const next = [...value];
    [next[i], next[k]] = [next[k]!, next[i]!];
    onChange(next);
  };
  return (
    <div className="ui-field">
      <span className="ui-label">{t("journeys.channels")}</span>
      <ol className="flow-channels" aria-label={t("journeys.channels")}>
        {value.map((channel, i) => (
          <li key={channel} data-testid="flow-channel" data-channel={channel}>
            <span className="num">{i + 1}</span>
            <ChannelIcon channel={channel} silent />
            <span>{channelName(channel)}</span>
            {!readOnly && (
              <>
                <IconButton size="small" label={t("journeys.earlier", { name: channelName(channel) })} icon={<UpIcon />} disabled={i === 0} onClick={() => swap(i, i - 1)} />
                <IconButton size="small" label={t("journeys.laterOne", { name: channelName(channel) })} icon={<DownIcon />} disabled={i === value.length - 1} onClick={() => swap(i, i + 1)} />
                <IconButton size="small" label={t("journeys.without", { name: channelName(channel) })} icon={<CloseIcon />} onClick={() => onChange(value.filter((c) => c !== channel))} />
              </>
            )}
          </li>
        ))}
      </ol>
      {!readOnly && value.length < every.length && (
        <span className="flow-row">
          {every
            .filter((c) => !value.includes(c))
            .map((c) => (
              <Button key={c} size="small" icon={<PlusIcon />} data-testid={`flow-channel-add-${c}`} onClick={() => onChange([...value, c])}>
                {channelName(c)}
              </Button>
            ))}
        </span>
      )}
      <span className={error ? "ui-error" : "ui-help"}>{error ?? t("journeys.channelsHelp")}</span>
    </div>
  );
}

function PreviewOf({ journeyId, message }: { journeyId: string; message: MessageStep }) {
  const { t } = useTranslation();
  const [person, setPerson] = useState<PickedCustomer | null>(null);
  const settled = useSettled(message, PREVIEW_AFTER);
  const query = useQuery({
    queryKey: keys.journeyPreview(journeyId, person?.id ?? "", settled),
    queryFn: ({ signal }) => journeysApi.preview(journeyId, { message: settled, customer_id: person!.id }, signal),
    enabled: person !== null && settled.body.trim() !== "",
    placeholderData: (previous) => previous,
    retry: false,
  });
  return (
    <div className="flow-preview" data-testid="message-preview">
      <Field label={t("journeys.previewFor")}>{({ id }) => <CustomerPicker id={id} value={person} onChange={setPerson} placeholder={t("journeys.previewPick")} />}</Field>
      {person && query.isFetching && !query.data && <Skeleton lines={3} />}
      {person && query.isError && <Alert tone="warn">{describe(query.error)}</Alert>}
      {person && query.data && !query.isError && (
        <div className="flow-bubble">
          <small>{query.data.reason === "" && query.data.channel ? t("journeys.previewBy", { channel: channelName(query.data.channel) }) : [t("journeys.previewNowhere"), sentenceFor({ code: query.data.reason })].filter(Boolean).join(" · ")}</small>
          {query.data.subject && <strong>{query.data.subject}</strong>}
          <p>{query.data.body}</p>
        </div>
      )}
    </div>
  );
}

/** One message: on which channels, why, and its words. */
export function MessageForm({ node, set, problems, readOnly, journeyId }: FormProps & { journeyId: string }) {
  const { t } = useTranslation();
  const { graph } = useEditor();
  const message: MessageStep = node.message ?? { channels: [], purpose: "marketing", body: "" };
  const change = (patch: Partial<MessageStep>, mark?: string) => set({ message: { ...message, ...patch } }, mark);
  const event = graph.trigger.kind === "event" ? graph.trigger.event : undefined;
  return (
    <>
      <Channels value={message.channels ?? []} error={below(problems, "message.channels")} readOnly={readOnly} onChange={(channels) => change({ channels })} />
      <Field label={t("journeys.purpose")} help={t(`journeys.purposeHelp.${message.purpose}`)} error={problems["message.purpose"]}>
        {({ id }) => <Segmented id={id} block disabled={readOnly} aria-label={t("journeys.purpose")} value={message.purpose} onChange={(purpose) => change({ purpose })} options={(["marketing", "transactional"] as const).map((value) => ({ value, label: t(`consents.${value}`) }))} />}
      </Field>
      {message.channels?.includes("email") && <LiquidField label={t("journeys.subject")} testid="flow-subject" value={message.subject ?? ""} error={problems["message.subject"]} event={event} readOnly={readOnly} onChange={(subject) => change({ subject }, "subject")} />}
      <LiquidField lines label={t("journeys.body")} testid="flow-body" value={message.body} error={problems["message.body"]} event={event} placeholder={t("journeys.bodyExample")} readOnly={readOnly} onChange={(body) => change({ body }, "body")} />
      <PreviewOf journeyId={journeyId} message={message} />
    </>
  );
}
