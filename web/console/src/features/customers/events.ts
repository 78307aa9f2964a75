import { i18n } from "@/i18n";

/** The house's own events and their sentences; everybody else's names are shown as they are. */
const known = {
  "Message Received": "eventName.messageReceived",
  "Automatic Message Received": "eventName.automaticReceived",
  "Message Sent": "eventName.messageSent",
  "Message Delivered": "eventName.messageDelivered",
  "Message Read": "eventName.messageRead",
  "Message Failed": "eventName.messageFailed",
  "Message Unknown": "eventName.messageUnknown",
  "Task Created": "eventName.taskCreated",
  "Task Completed": "eventName.taskCompleted",
  "Conversation Opened": "eventName.conversationOpened",
  "Conversation Resolved": "eventName.conversationResolved",
  "Reply Sent": "eventName.replySent",
  "Page Viewed": "eventName.pageViewed",
  "Customer Identified": "eventName.customerIdentified",
  "Stage Changed": "eventName.stageChanged",
  "Tags Changed": "eventName.tagsChanged",
  wechat_followed: "activity.wechat_followed",
  wechat_unfollowed: "activity.wechat_unfollowed",
  wechat_scanned: "activity.wechat_scannedPlain",
  wechat_menu: "activity.wechat_menuPlain",
  wechat_event: "eventName.wechatEvent",
} as const;

/** An event's name in the reader's language. */
export function eventName(name: string): string {
  return Object.hasOwn(known, name) ? i18n.t(known[name as keyof typeof known]) : name;
}
