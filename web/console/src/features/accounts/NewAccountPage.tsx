import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ChannelIcon } from "@/features/channels/ChannelIcon";
import { channels, type ChannelName } from "@/features/channels/channels";
import { Page } from "@/ui";
import { NewEmail } from "./EmailSettings";
import { NewWebchat } from "./NewWebchat";
import { NewWechat } from "./WechatSettings";
import "./accounts.css";

/** Connects a channel: first which one, then what it needs. */
export function NewAccountPage({ channel }: { channel: ChannelName }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Page title={t("accounts.create")} lead={t("accounts.emptyBody")}>
      <div className="channel-choice" role="radiogroup" aria-label={t("accounts.whichChannel")}>
        {channels.map((name) => (
          <button key={name} type="button" role="radio" aria-checked={name === channel} data-testid={`channel-${name}`} onClick={() => void navigate({ to: "/accounts/new", search: name === "webchat" ? {} : { channel: name } })}>
            <ChannelIcon channel={name} silent />
            <strong>{t(`channel.${name}`)}</strong>
            <span>{t(`accounts.about.${name}`)}</span>
          </button>
        ))}
      </div>
      {channel === "wechat" ? <NewWechat /> : channel === "email" ? <NewEmail /> : <NewWebchat />}
    </Page>
  );
}
