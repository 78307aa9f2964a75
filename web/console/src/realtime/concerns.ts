import { keys } from "@/api/keys";
import type { Change, Wake } from "./frames";

/**
 * Whether an answer may be older than a change that arrived while it was on its
 * way, by its query's key: such an answer is asked for once more. Conversations,
 * threads and counts are not here; changes are applied to those.
 */
export function concerns(change: Change | Wake, key: readonly unknown[]): boolean {
  return prefixes(change).some((prefix) => prefix.every((part, i) => key[i] === part));
}

function prefixes(change: Change | Wake): (readonly string[])[] {
  switch (change.kind) {
    case "message":
      return ofCustomer(change.data.conversation.customer.id);
    case "customer":
      return [keys.customer(change.data.customer.id), keys.customerLists, keys.customerChoices, keys.stageBoard, ...ofCustomer(change.data.customer.id)];
    case "outreach":
      return ofCustomer(change.data.customer_id);
    case "customer_merged":
      return [keys.customers];
    case "teammate":
      return [keys.teammates, keys.me];
    case "team":
      return [keys.teams];
    case "account":
      return [keys.accounts];
    case "stages":
      return [keys.stages];
    case "segment": {
      const id = "deleted" in change.data ? change.data.segment_id : change.data.segment.id;
      return [keys.segmentList, keys.segment(id), keys.membersOf(id), keys.membershipChanges(id)];
    }
    case "journey":
      return ofJourney(change.data.journey_id);
    case "wake":
      return ofWake(change);
    default:
      return [];
  }
}

/** What is shown of behaviour. */
export function ofWake({ data }: Wake): (readonly string[])[] {
  if (data.of === "events") return [keys.eventsOf(null)];
  if (data.of === "calls") return [keys.allTrackingCalls];
  const id = data.customer_id;
  return [keys.timeline(id), keys.eventsOf(id), keys.segmentsOf(id), keys.customer(id)];
}

/** What hangs on a customer. */
export function ofCustomer(id: string): (readonly string[])[] {
  return [keys.timeline(id), keys.identities(id), keys.merges(id), keys.contradictions(id), keys.consents(id), keys.conversationsOf(id), keys.stageChanges(id), keys.segmentsOf(id)];
}

/** A journey, its numbers and its people. */
export function ofJourney(id: string): (readonly string[])[] {
  return [keys.journeyList, keys.journey(id), keys.journeyNodes(id), keys.enrollmentsOf(id), keys.enrollmentOf(id)];
}
