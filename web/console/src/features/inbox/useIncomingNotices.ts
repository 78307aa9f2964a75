import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { customerName } from "@/features/customers/name";
import { useMe } from "@/features/session/me";
import { settings } from "@/features/session/settings";
import { useRealtime } from "@/realtime/provider";

let audio: AudioContext | null = null;

/** A short, quiet tone; made here, so that no sound file is loaded. */
export function playTone(): void {
  audio ??= new AudioContext();
  const start = audio.currentTime;
  const gain = audio.createGain();
  gain.connect(audio.destination);
  gain.gain.setValueAtTime(0.0001, start);
  gain.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.35);
  for (const [frequency, delay] of [[660, 0], [880, 0.11]] as const) {
    const tone = audio.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain);
    tone.start(start + delay);
    tone.stop(start + 0.36);
  }
}

/** Sound and desktop notices for customers' messages; both only when switched on. */
export function useIncomingNotices(): void {
  const { t } = useTranslation();
  const { feed } = useRealtime();
  const navigate = useNavigate();
  const meId = useMe().id;
  useEffect(() => {
    feed.events.message = (message, conversation) => {
      if (message.direction !== "in") return;
      if (conversation.assignee_id !== null && conversation.assignee_id !== meId) return;
      const { sound, notifications } = settings.get();
      if (sound) playTone();
      if (!notifications || document.visibilityState === "visible") return;
      if (!("Notification" in window) || Notification.permission !== "granted") return;
      const notice = new Notification(t("notify.title", { name: customerName(conversation.customer) }), {
        body: message.body.slice(0, 120) || t("notify.files"),
        tag: conversation.id,
      });
      notice.onclick = () => {
        window.focus();
        notice.close();
        void navigate({ to: "/inbox/$conversationId", params: { conversationId: conversation.id } });
      };
    };
    return () => {
      delete feed.events.message;
    };
  }, [feed, meId, navigate, t]);
}
