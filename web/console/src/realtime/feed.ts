import type { QueryClient } from "@tanstack/react-query";
import { api } from "@/api/calls";
import { NO_STAGE } from "@/api/behaviour";
import { keys } from "@/api/keys";
import type { Task } from "@/api/tasks";
import type {
  Account,
  Allowance,
  Conversation,
  Counts,
  Customer,
  Delivery,
  Draft,
  InboxFilter,
  Me,
  Message,
  SharedConversation,
  Team,
  Teammate,
} from "@/api/types";
import type { Segment } from "@/api/segments";
import { concerns, ofCustomer, ofJourney, ofWake } from "./concerns";
import type { Change, Wake } from "./frames";
import { mergeConversation, placeConversation, removeConversation, shiftCounts, type ConversationPages } from "./lists";
import { insertMessage, joinPage, patchDelivery, type Thread } from "./thread";

type Items<T> = { items: T[] };

/** How many changes are remembered for answers that were on their way meanwhile. */
const REMEMBERED = 500;

/** How far behind an answer a change may come that it holds already, in milliseconds. */
const BEHIND = 10_000;

/** How long changes of one customer are gathered before their timeline is asked for. */
const TOUCH_AFTER = 400;

export interface FeedEvents {
  /** A message arrived on the socket (not one that was fetched). */
  message?(message: Message, conversation: Conversation): void;
  /** A message is now held, wherever it came from. */
  settled?(message: Message): void;
  draft?(conversationId: string, draft: Draft): void;
  /** A delivery went from one state to another. */
  delivery?(delivery: Delivery): void;
  /** The own read cursor was moved in some tab; back when it was marked unread. */
  cursor?(conversationId: string, from: number, to: number): void;
  /** A task changed, and why; null when one has moved out of sight. */
  task?(task: Task | null, reason: string): void;
  /** Something happened to a conversation; the activity's code. */
  activity?(code: string): void;
}

/**
 * Applies the change feed to the query cache. It is the only writer of
 * conversations and threads besides the queries themselves, so that an answer
 * that was overtaken by a change cannot undo it.
 */
export class Feed {
  private readonly recent: (Change | Wake)[] = [];
  private total = 0;
  private readonly touched = new Set<string>();
  private touchTimer: ReturnType<typeof setTimeout> | null = null;
  private countsTimer: ReturnType<typeof setTimeout> | null = null;
  private confirmTimer: ReturnType<typeof setTimeout> | null = null;
  /** When counts were answered last, by this machine's clock. */
  private countedAt = -Infinity;
  private boardTimer: ReturnType<typeof setTimeout> | null = null;
  private readonly filling = new Set<string>();
  events: FeedEvents = {};

  constructor(private readonly cache: QueryClient) {}

  private get meId(): string {
    return this.cache.getQueryData<Me>(keys.me)?.id ?? "";
  }

  /**
   * Watches every query: changes that arrive while an answer is on its way are
   * applied to it once more, or it is asked for again, so that an overtaken answer
   * undoes nothing.
   * Answers a function that ends it.
   */
  watch(): () => void {
    const marks = new Map<string, number>();
    return this.cache.getQueryCache().subscribe((event) => {
      if (event.type !== "updated") return;
      if (event.action.type === "fetch") {
        marks.set(event.query.queryHash, this.total);
      } else if (event.action.type === "success" && !event.action.manual) {
        if (event.query.queryKey[0] === keys.counts[0]) this.countedAt = Date.now();
        const mark = marks.get(event.query.queryHash) ?? this.total;
        const since = this.recent.slice(Math.max(0, this.recent.length - (this.total - mark)));
        if (since.length > 0) this.replay(event.query.queryKey, since);
      }
    });
  }

  private replay(key: readonly unknown[], since: (Change | Wake)[]): void {
    switch (key[0]) {
      case keys.lists[0]:
        this.cache.setQueryData<ConversationPages>(key, (data) => data && this.replayList(data, key[1] as Partial<InboxFilter>, since));
        return;
      case "thread":
        this.cache.setQueryData<Thread>(key, (thread) => thread && replayThread(thread, String(key[1]), since));
        return;
      case keys.counts[0]:
        this.refetchCounts();
        return;
      default:
        if (since.some((change) => concerns(change, key))) void this.cache.invalidateQueries({ queryKey: key, exact: true });
    }
  }

  private replayList(data: ConversationPages, filter: Partial<InboxFilter>, since: (Change | Wake)[]): ConversationPages {
    let pages = data;
    for (const change of since) {
      if (change.kind === "removed") {
        pages = removeConversation(pages, change.data.conversation_id);
      } else if (change.kind === "message" || change.kind === "conversation" || change.kind === "thread") {
        const c = this.known(change.data.conversation.id);
        if (c) pages = placeConversation(pages, mergeConversation(c, change.data.conversation), filter, this.meId);
      }
    }
    return pages;
  }

  private remember(change: Change | Wake): void {
    this.total++;
    this.recent.push(change);
    if (this.recent.length > REMEMBERED) this.recent.shift();
  }

  /** There is more of what a page shows. An answer on its way is not given up: it is asked for again. */
  wake(wake: Wake): void {
    this.remember(wake);
    for (const queryKey of ofWake(wake)) void this.cache.invalidateQueries({ queryKey }, { cancelRefetch: false });
  }

  apply(change: Change): void {
    this.remember(change);
    switch (change.kind) {
      case "message": {
        const c = this.putConversation(change.data.conversation);
        this.putMessage(change.data.message);
        this.touchCustomer(c.customer.id);
        this.events.message?.(change.data.message, c);
        if (change.data.message.activity) this.events.activity?.(change.data.message.activity.code);
        return;
      }
      case "conversation":
        this.putConversation(change.data.conversation);
        return;
      case "delivery":
        this.patchThread(change.data.conversation_id, (t) => patchDelivery(t, change.data.seq, change.data.delivery));
        this.spent(change.data.conversation_id, change.data.allowance);
        this.events.delivery?.(change.data.delivery);
        return;
      case "customer_read":
        this.patchConversation(change.data.conversation_id, (c) => ({
          ...c,
          customer_read_seq: Math.max(c.customer_read_seq, change.data.seq),
        }));
        return;
      case "read": {
        const { conversation_id, read_seq, read_inbound_count } = change.data;
        const before = this.known(conversation_id);
        if (before) this.events.cursor?.(conversation_id, before.read_seq, read_seq);
        this.patchConversation(conversation_id, (c) => ({ ...c, read_seq, read_inbound_count }));
        return;
      }
      case "draft":
        this.events.draft?.(change.data.conversation_id, { body: change.data.body, kind: change.data.kind });
        return;
      case "customer":
        this.moveOnBoard(change.data.customer);
        this.putCustomer(change.data.customer);
        this.touchCustomer(change.data.customer.id);
        return;
      case "outreach":
        this.touchCustomer(change.data.customer_id);
        this.events.delivery?.(change.data.delivery);
        return;
      case "customer_merged":
        this.mergeCustomer(change.data.customer_id, change.data.into_id);
        return;
      case "thread":
        this.putConversation(change.data.conversation);
        // What has left must not be kept because it was held.
        void this.cache.resetQueries({ queryKey: keys.thread(change.data.conversation.id) });
        return;
      case "teammate":
        this.putTeammate(change.data.teammate);
        return;
      case "team":
        if ("team" in change.data) this.putItem<Team>(keys.teams, change.data.team);
        else this.dropTeam(change.data.team_id);
        return;
      case "account":
        this.putItem<Account>(keys.accounts, change.data.account);
        return;
      case "task":
        if (change.data.task.customer) this.touchCustomer(change.data.task.customer.id);
        this.events.task?.(change.data.task, change.data.reason ?? "");
        return;
      case "task_removed":
        this.events.task?.(null, "");
        return;
      case "stages":
        void this.cache.invalidateQueries({ queryKey: keys.stages });
        return;
      case "segment":
        if ("deleted" in change.data) this.dropSegment(change.data.segment_id);
        else this.patchSegment(change.data.segment, change.data.defined ?? false);
        return;
      case "journey":
        this.touchJourney(change.data.journey_id);
        return;
      case "removed":
        this.removeConversation(change.data.conversation_id);
    }
  }

  /** Whoever looks at a journey, its numbers or its people asks again. */
  private touchJourney(id: string): void {
    for (const queryKey of ofJourney(id)) void this.cache.invalidateQueries({ queryKey });
  }

  /** A send has used up some of what the channel allows. */
  private spent(id: string, allowance: Allowance | null | undefined): void {
    if (allowance) this.patchConversation(id, (c) => ({ ...c, allowance }));
  }

  /** What is held of a conversation, from wherever it is held. */
  known(id: string): Conversation | undefined {
    const one = this.cache.getQueryData<Conversation>(keys.conversation(id));
    if (one) return one;
    for (const [, data] of this.cache.getQueriesData<ConversationPages>({ queryKey: keys.lists })) {
      for (const page of data?.pages ?? []) {
        const item = page.items.find((c) => c.id === id);
        if (item) return item;
      }
    }
    return undefined;
  }

  /** Stores a conversation's new state everywhere it shows. */
  putConversation(news: SharedConversation | Conversation): Conversation {
    const before = this.known(news.id);
    const complete = "read_seq" in news && typeof news.read_seq === "number";
    const after = mergeConversation(before, news);
    this.write(before, after);
    // Without an own read cursor "unread" would be a guess for all but new ones.
    if (!before && !complete && news.last_seq > 2) this.refetchConversation(news.id);
    return after;
  }

  /** Changes one conversation, if it is held; answers what it was before. */
  patchConversation(id: string, change: (c: Conversation) => Conversation): Conversation | undefined {
    const before = this.known(id);
    if (before) this.write(before, change(before));
    return before;
  }

  private write(before: Conversation | undefined, after: Conversation): void {
    this.cache.setQueryData<Conversation>(keys.conversation(after.id), after);
    for (const [key, data] of this.cache.getQueriesData<ConversationPages>({ queryKey: keys.lists })) {
      if (data) this.cache.setQueryData(key, placeConversation(data, after, key[1] as Partial<InboxFilter>, this.meId));
    }
    if (before) {
      this.shiftCounts(before, after);
    } else {
      this.refetchCounts();
    }
  }

  private removeConversation(id: string): void {
    const before = this.known(id);
    for (const [key, data] of this.cache.getQueriesData<ConversationPages>({ queryKey: keys.lists })) {
      if (data) this.cache.setQueryData(key, removeConversation(data, id));
    }
    if (before) {
      this.shiftCounts(before, undefined);
    } else {
      this.refetchCounts();
    }
    this.cache.removeQueries({ queryKey: keys.thread(id) });
    // Reset, not remove: a page that shows it asks again and is told 404.
    void this.cache.resetQueries({ queryKey: keys.conversation(id) });
  }

  /** Stores a message, and fetches what is missing before it. */
  putMessage(message: Message): void {
    let missing: number | null = null;
    this.patchThread(message.conversation_id, (thread) => {
      const insertion = insertMessage(thread, message);
      missing = insertion.missingAfter;
      return insertion.thread;
    });
    this.events.settled?.(message);
    if (missing !== null) void this.fill(message.conversation_id, missing);
  }

  /** Fetches one message anew, because the addresses of its files expired. */
  async refreshMessage(message: Message): Promise<void> {
    try {
      const page = await api.messages(message.conversation_id, { before_seq: message.seq + 1, limit: 1 });
      const fresh = page.items.find((m) => m.seq === message.seq);
      if (fresh) this.patchThread(message.conversation_id, (thread) => insertMessage(thread, fresh).thread);
    } catch {
      // The file shows that it cannot be shown.
    }
  }

  patchThread(id: string, change: (thread: Thread) => Thread): void {
    this.cache.setQueryData<Thread>(keys.thread(id), (thread) => thread && change(thread));
  }

  /** Fetches what follows `afterSeq` until nothing is missing. */
  async fill(id: string, afterSeq: number): Promise<void> {
    if (this.filling.has(id)) return;
    this.filling.add(id);
    try {
      let after = afterSeq;
      for (;;) {
        const page = await api.messages(id, { after_seq: after, limit: 200 });
        this.patchThread(id, (thread) => joinPage(thread, page, "after"));
        for (const message of page.items) this.events.settled?.(message);
        const last = page.items[page.items.length - 1];
        if (!page.has_more_after || !last) return;
        after = last.seq;
      }
    } catch {
      void this.cache.invalidateQueries({ queryKey: keys.thread(id) });
    } finally {
      this.filling.delete(id);
    }
  }

  private refetchConversation(id: string): void {
    api.conversation(id).then(
      (c) => this.putConversation(c),
      () => {
        // Out of sight again, or offline: the next snapshot settles it.
      },
    );
  }

  /** Moves the counts by one conversation's change. An answer of a moment ago may have
   * held it already, as answers and changes come by different ways: then it is asked
   * again once that is over. */
  private shiftCounts(before: Conversation, after: Conversation | undefined): void {
    const counts = this.cache.getQueryData<Counts>(keys.counts);
    if (!counts) return;
    const shifted = shiftCounts(counts, before, after, this.meId);
    if (JSON.stringify(counts) === JSON.stringify(shifted)) return;
    this.cache.setQueryData<Counts>(keys.counts, shifted);
    if (Date.now() - this.countedAt > BEHIND) return;
    this.confirmTimer ??= setTimeout(() => {
      this.confirmTimer = null;
      void this.cache.invalidateQueries({ queryKey: keys.counts });
    }, BEHIND);
  }

  /** Counts that cannot be computed here are asked for, at most every two seconds. */
  private refetchCounts(): void {
    this.countsTimer ??= setTimeout(() => {
      this.countsTimer = null;
      void this.cache.invalidateQueries({ queryKey: keys.counts });
    }, 2_000);
  }

  /** What hangs on a customer is asked for anew where it is on screen; bursts are answered once. */
  touchCustomer(id: string): void {
    this.touched.add(id);
    this.touchTimer ??= setTimeout(() => {
      this.touchTimer = null;
      const ids = [...this.touched];
      this.touched.clear();
      for (const one of ids) {
        for (const queryKey of ofCustomer(one)) void this.cache.invalidateQueries({ queryKey });
      }
    }, TOUCH_AFTER);
  }

  putCustomer(customer: Customer): void {
    this.cache.setQueryData(keys.customer(customer.id), customer);
    void this.cache.invalidateQueries({ queryKey: keys.customerChoices });
    for (const [key, data] of [keys.customerLists, keys.stageBoard].flatMap((queryKey) => this.cache.getQueriesData<{ pages: Items<Customer>[] }>({ queryKey }))) {
      if (!data?.pages.some((p) => p.items.some((c) => c.id === customer.id))) continue;
      const pages = data.pages.map((p) => ({ ...p, items: p.items.map((c) => (c.id === customer.id ? customer : c)) }));
      this.cache.setQueryData(key, { ...data, pages });
    }
    const named = (c: Conversation): Conversation =>
      c.customer.id === customer.id && (c.customer.label !== customer.label || c.customer.name !== customer.name)
        ? { ...c, customer: { id: customer.id, name: customer.name, label: customer.label } }
        : c;
    for (const [key, data] of this.cache.getQueriesData<ConversationPages>({ queryKey: keys.lists })) {
      if (data) this.cache.setQueryData(key, { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.map(named) })) });
    }
    for (const [key, data] of this.cache.getQueriesData<Conversation>({ queryKey: ["conversation"] })) {
      if (data) this.cache.setQueryData(key, named(data));
    }
  }

  /** Whoever stands in another column than before is asked for in both, and so are the numbers. */
  private moveOnBoard(customer: Customer): void {
    for (const [key, data] of this.cache.getQueriesData<{ pages: Items<Customer>[] }>({ queryKey: keys.stageBoard })) {
      if (!data) continue;
      const shown = data.pages.some((p) => p.items.some((c) => c.id === customer.id));
      const belongs = (customer.stage?.key ?? NO_STAGE) === key[2];
      if (shown !== belongs) this.refetchBoard();
    }
  }

  private refetchBoard(): void {
    this.boardTimer ??= setTimeout(() => {
      this.boardTimer = null;
      void this.cache.invalidateQueries({ queryKey: keys.stages });
    }, TOUCH_AFTER);
  }

  /** One customer has become part of another: whoever looks at the first is led to the second. */
  private mergeCustomer(id: string, into: string): void {
    for (const [key, data] of this.cache.getQueriesData<{ pages: Items<Customer>[] }>({ queryKey: keys.customerLists })) {
      if (!data?.pages.some((p) => p.items.some((c) => c.id === id))) continue;
      this.cache.setQueryData(key, { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.filter((c) => c.id !== id) })) });
    }
    void this.cache.invalidateQueries({ queryKey: keys.customerChoices });
    void this.cache.invalidateQueries({ queryKey: keys.customer(id) });
    this.touchCustomer(id);
    this.touchCustomer(into);
  }

  /** A segment's size or state is another; whoever looks at its people asks again. */
  private patchSegment(news: Pick<Segment, "id" | "size" | "state" | "progress">, defined: boolean): void {
    const known = this.cache.getQueryData<Items<Segment>>(keys.segmentList)?.items.some((s) => s.id === news.id) ?? true;
    this.cache.setQueryData<Items<Segment>>(keys.segmentList, (data) => data && { ...data, items: data.items.map((s) => (s.id === news.id ? { ...s, ...news } : s)) });
    this.cache.setQueryData<Segment>(keys.segment(news.id), (segment) => segment && { ...segment, ...news });
    if (!known || defined) void this.cache.invalidateQueries({ queryKey: keys.segmentList });
    if (defined) void this.cache.invalidateQueries({ queryKey: keys.segment(news.id), exact: true });
    for (const queryKey of [keys.membersOf(news.id), keys.membershipChanges(news.id), keys.segmentPreviews]) void this.cache.invalidateQueries({ queryKey });
  }

  /** A segment is gone: lists are without it, and its own page learns so by asking. */
  private dropSegment(id: string): void {
    this.cache.setQueryData<Items<Segment>>(keys.segmentList, (data) => data && { ...data, items: data.items.filter((s) => s.id !== id) });
    void this.cache.resetQueries({ queryKey: keys.segment(id), exact: true });
  }

  private putTeammate(teammate: Teammate): void {
    this.putItem<Teammate>(keys.teammates, teammate);
    this.cache.setQueryData<Me>(keys.me, (me) => (me && me.id === teammate.id ? { ...me, ...teammate } : me));
  }

  private putItem<T extends { id: string }>(key: readonly string[], item: T): void {
    this.cache.setQueryData<Items<T>>(key, (data) => {
      if (!data) return data;
      const known = data.items.some((i) => i.id === item.id);
      return { ...data, items: known ? data.items.map((i) => (i.id === item.id ? item : i)) : [...data.items, item] };
    });
  }

  private dropTeam(id: string): void {
    this.cache.setQueryData<Items<Team>>(keys.teams, (data) => data && { ...data, items: data.items.filter((t) => t.id !== id) });
  }

  /** Everything held may be old: fetch what is on screen, and the rest when it is next shown. */
  async snapshot(): Promise<void> {
    await this.cache.invalidateQueries();
  }
}

function replayThread(thread: Thread, id: string, since: (Change | Wake)[]): Thread {
  let held = thread;
  for (const change of since) {
    if (change.kind === "message" && change.data.message.conversation_id === id) {
      held = insertMessage(held, change.data.message).thread;
    } else if (change.kind === "delivery" && change.data.conversation_id === id) {
      held = patchDelivery(held, change.data.seq, change.data.delivery);
    }
  }
  return held;
}
