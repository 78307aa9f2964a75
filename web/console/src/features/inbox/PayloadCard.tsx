import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { usePermission } from "@/features/session/me";
import { AttachIcon, BusyIcon, JourneysIcon, LinkIcon, LocationIcon, PictureIcon, UnknownIcon, VideoIcon, VoiceIcon, WarningIcon } from "@/ui";
import { mapAddress, readPayload, type FileState, type Payload } from "./payload";

function Card({ icon, title, children, raw }: { icon: ReactNode; title: ReactNode; children?: ReactNode; raw: unknown }) {
  const { t } = useTranslation();
  return (
    <div className="payload">
      <span className="payload-icon">{icon}</span>
      <div>
        <strong>{title}</strong>
        {children}
        <details>
          <summary>{t("payload.details")}</summary>
          <pre tabIndex={0}>{JSON.stringify(raw, null, 2)}</pre>
        </details>
      </div>
    </div>
  );
}

/** A file that is on its way here, or that could not be had. */
function Awaited({ state, icon, name }: { state: Exclude<FileState, "ready">; icon: ReactNode; name: string }) {
  const { t } = useTranslation();
  return (
    <div className="payload" data-state={state} role="status">
      <span className="payload-icon">{state === "pending" ? <BusyIcon /> : <WarningIcon />}</span>
      <div>
        <strong>
          {icon} {name}
        </strong>
        <p>{t(state === "pending" ? "payload.pending" : "payload.failed")}</p>
      </div>
    </div>
  );
}

function External({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

/** Says of a message that a journey wrote it, and which. */
function FromJourney({ journey, name, node }: { journey: string; name: string; node: string }) {
  const { t } = useTranslation();
  const mayJourneys = usePermission("journeys.read");
  const words = t("payload.journey", { name });
  return (
    <p className="from-journey" data-testid="from-journey">
      <JourneysIcon />{" "}
      {mayJourneys && journey ? (
        <Link to="/journeys/$journeyId" params={{ journeyId: journey }} search={{ node }}>
          {words}
        </Link>
      ) : (
        words
      )}
    </p>
  );
}

function Known({ payload, raw }: { payload: Exclude<Payload, { type: "mail" }>; raw: unknown }) {
  const { t } = useTranslation();
  switch (payload.type) {
    case "location":
      return (
        <Card icon={<LocationIcon />} title={payload.label || t("payload.location")} raw={raw}>
          <p className="num">{`${payload.latitude}, ${payload.longitude}`}</p>
          <External href={mapAddress(payload)}>{t("payload.openMap")}</External>
        </Card>
      );
    case "link":
      return (
        <Card icon={<LinkIcon />} title={payload.url ? <External href={payload.url}>{payload.title || payload.url}</External> : payload.title || t("payload.link")} raw={raw}>
          {payload.description && <p>{payload.description}</p>}
          {payload.url && <p className="payload-host">{new URL(payload.url).host}</p>}
        </Card>
      );
    case "voice":
    case "video": {
      const icon = payload.type === "voice" ? <VoiceIcon /> : <VideoIcon />;
      const name = t(`payload.${payload.type}`);
      if (payload.state !== "ready") return <Awaited state={payload.state} icon={icon} name={name} />;
      return (
        <Card icon={icon} title={name} raw={raw}>
          <p>{payload.words || t("payload.playThere")}</p>
        </Card>
      );
    }
    case "image":
      return payload.state === "ready" ? null : <Awaited state={payload.state} icon={<PictureIcon />} name={t("payload.image")} />;
    case "outreach":
      return <FromJourney {...payload} />;
    case "erased":
      return <p className="erased">{t("payload.erased")}</p>;
    case "other":
      return (
        <Card icon={payload.name ? <UnknownIcon /> : <AttachIcon />} title={payload.name ? t("payload.other", { type: payload.name }) : t("payload.otherPlain")} raw={raw}>
          <p>{t("payload.otherHelp")}</p>
        </Card>
      );
  }
}

/** What a message says besides its text: a place, a link, or something that is only kept. */
export function PayloadCard({ raw }: { raw: unknown }) {
  const payload = readPayload(raw);
  if (!payload || payload.type === "mail") return null;
  return <Known payload={payload} raw={raw} />;
}
