import { effect } from './reactive';
import { createApi } from './api';
import { createComposition } from './composition';
import { createConnection } from './connection';
import { CodedError, isTemporary, UNREACHABLE, VISITOR_REFUSED } from './errors';
import { locale } from './locale';
import type { BindAnswer, Config, Identity, Limits, Message, ServerFrame } from './protocol';
import { createQueue } from './queue';
import { createSession, SUPERSEDED, type Established } from './session';
import { createState, type ConnectionView } from './state';
import { createStorage, listenTo } from './storage';
import { createSync } from './sync';
import { formatPosition, later, mergeMessages, type Position } from './thread';

const ACK_WITHIN = 15_000;
const POLL_EVERY = 5_000;
const POLL_HIDDEN = 30_000;
const RETRY_FIRST = 2_000;
const RETRY_MOST = 60_000;

/** Refusals that no other request of this page would escape. */
const FINAL = ['account_disabled', 'origin_refused', 'not_found'];

export interface ChatHandlers {
  /** The chat may not be used here (any more), for this reason; everything has stopped. */
  gone(error: CodedError): void;
  /** No session could be had; it is tried again. */
  unreachable(): void;
  /** The page named its visitor wrongly; the visitor stays anonymous. */
  identityRefused(code: string): void;
}

export type Chat = ReturnType<typeof createChat>;

/** The conversation of one visitor with one account: joins session, socket, queue and what is shown. */
export function createChat(origin: string, account: string, on: ChatHandlers) {
  const storage = createStorage(account);
  const state = createState();
  const api = createApi(origin, account, () => session.token());
  const session = createSession(account, storage, api.session);
  const acks = new Map<string, { resolve(message: Message): void; reject(error: CodedError): void }>();
  let identity: Identity | undefined;
  let established = false;
  let beginning = false;
  let underWay: Promise<void> | undefined;
  let beginTimer: ReturnType<typeof setTimeout> | undefined;
  let beginDelay = RETRY_FIRST;
  let polling = false;
  /** Whether the last plain request in place of the socket worked. */
  let pollWorks = false;
  let pollTimer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  let pageShown = '';
  /** Key of the message last given to the socket; without an answer it may be what broke the socket. */
  let suspect = '';

  const connection = createConnection({
    url: api.socketURL,
    hello: () => ({ t: 'hello', visitor: session.token() ?? '', after: sync.after() }),
    frame: onFrame,
    state: onConnection,
    behind: () => sync.forgetPosition(),
    refused: renewToken,
    disabled: () => gone(new CodedError('account_disabled')),
    defect() {
      queue.fail(suspect, new CodedError('internal')); // Not sent again by itself.
      startPolling();
    },
    blocked: startPolling,
  });
  const queue = createQueue(account, storage, {
    ready: () => connection.state() === 'online' || pollWorks,
    send,
    upload: api.upload,
    sent: (message) => sync.receive([message]),
    delayed(code) {
      if (code === 'rate_limited') composition.notice(code);
      else if (code === VISITOR_REFUSED) void renewToken();
    },
  });
  const sync = createSync(state, connection, queue);
  const composition = createComposition(state, storage, connection, queue);

  function send(key: string, body: string, attachmentIds: string[]): Promise<Message> {
    if (connection.state() !== 'online') return api.send(key, body, attachmentIds);
    suspect = key;
    // A socket that answers pings but not this is of no use.
    const timer = setTimeout(connection.restart, ACK_WITHIN);
    return new Promise<Message>((resolve, reject) => {
      acks.set(key, { resolve, reject });
      if (!connection.send({ t: 'send', client_key: key, body, attachment_ids: attachmentIds })) reject(new CodedError(UNREACHABLE));
    }).finally(() => {
      clearTimeout(timer);
      acks.delete(key);
    });
  }

  /** What waits for an ack has to be sent again. */
  function interrupt(): void {
    acks.forEach(({ reject }) => reject(new CodedError(UNREACHABLE)));
  }

  function onFrame(frame: ServerFrame): void {
    if (frame.t === 'hello') {
      stopPolling();
      pageShown = '';
      if (sync.hello(frame)) {
        reportPage();
        queue.drain();
      } else connection.restart();
    } else if (frame.t === 'message') {
      sync.received([frame.message]);
      if (frame.message.direction === 'out') sync.showTyping(null);
    } else if (frame.t === 'ack') {
      suspect = '';
      acks.get(frame.client_key)?.resolve(frame.message);
      sync.receive([frame.message]);
    } else if (frame.t === 'error') {
      suspect = '';
      acks.get(frame.client_key ?? '')?.reject(new CodedError(frame.code, frame.params, Number(frame.params?.['retry_after']) || 0));
    } else if (frame.t === 'conversation') sync.setConversation(frame.conversation);
    else if (frame.t === 'typing') sync.showTyping(frame.on ? (frame.name ?? '') : null);
    else if (frame.t === 'online') state.teammates.value = frame.teammates;
  }

  /** Makes a session, trying again for as long as only the network stands in the way. */
  function begin(): void {
    if (beginning || over) return;
    beginning = true;
    clearTimeout(beginTimer);
    const named = identity;
    underWay = establish().then(
      () => {
        beginning = false;
        beginDelay = RETRY_FIRST;
        if (named !== identity) begin();
      },
      (error: CodedError) => {
        beginning = false;
        onSessionRefused(error, named);
      },
    );
  }

  /** Asks for a bind token, once the visitor is who the page has said. */
  async function bind(): Promise<BindAnswer> {
    while (beginning) await underWay;
    return api.bind();
  }

  async function establish(): Promise<void> {
    const named = identity;
    const result = await session.establish({ locale: locale.value, page: page(), ...(named && { identity: named }) });
    if (!over) applySession(result, named !== undefined);
  }

  function applySession({ answer, renewed, otherPerson, dropUnsent }: Established, named: boolean): void {
    const { config, limits, conversation } = answer;
    if (otherPerson) startOver(dropUnsent);
    established = true;
    state.config.value = config;
    state.limits.value = limits;
    storage.set('config', { config, limits });
    if (!state.loaded.value) {
      state.sessionUnread.value = answer.unread;
      state.conversation.value = conversation;
    }
    if (connection.state() !== 'stopped' && (renewed || named)) {
      sync.forgetPosition(); // Proving who one is may bring earlier threads into sight.
      connection.restart();
    } else if (conversation || state.open.value || queue.items.value.length > 0) connection.start();
  }

  function onSessionRefused(error: CodedError, named: Identity | undefined): void {
    if (over) return;
    if (error.code === SUPERSEDED) begin();
    else if (FINAL.includes(error.code)) gone(error);
    else if (named && !isTemporary(error)) {
      on.identityRefused(error.code);
      if (identity === named) identity = undefined;
      if (session.identified()) reset(); // The page says this is somebody else; the former person's thread is not theirs.
      begin();
    } else {
      state.connection.value = 'offline';
      const known = storage.get<{ config: Config; limits: Limits }>('config');
      if (known) {
        state.config.value ??= known.config;
        state.limits.value = known.limits;
      } else on.unreachable();
      beginTimer = setTimeout(begin, error.wait * 1000 || beginDelay);
      beginDelay = Math.min(beginDelay * 2, RETRY_MOST);
    }
  }

  /** The token is no longer good for this account: the same person gets a new one. */
  function renewToken(): Promise<void> {
    session.forget();
    sync.forgetPosition();
    return establish().catch((error: CodedError) => {
      if (!isTemporary(error)) onSessionRefused(error, identity);
    });
  }

  function ensureConnected(): void {
    if (established) connection.start();
    else if (state.config.value) begin();
  }

  function stopTraffic(): void {
    established = false;
    clearTimeout(beginTimer);
    stopPolling();
    connection.stop();
    showConnection();
  }

  /** Drops what belongs to another person. */
  function startOver(dropUnsent: boolean): void {
    interrupt();
    sync.clear();
    state.sessionUnread.value = 0;
    state.teammates.value = null;
    state.previewPutAway.value = null;
    storage.remove('preview');
    if (!dropUnsent) return;
    queue.clear();
    composition.drop();
  }

  /** The visitor signed out: nothing of them stays on this device. The next session begins when it is needed. */
  function reset(): void {
    identity = undefined;
    session.forget();
    startOver(true);
    stopTraffic();
    if (state.open.value) ensureConnected();
  }

  function onConnection(): void {
    if (connection.state() !== 'online') {
      interrupt();
      sync.showTyping(null);
      composition.interrupted();
    }
    showConnection();
  }

  function showConnection(): void {
    const now = connection.state();
    const views: Record<string, ConnectionView> = { online: 'online', stopped: 'idle', waiting: 'offline' };
    // An attempt after a loss does not make it better yet.
    const view = views[now] ?? (state.connection.value === 'offline' ? 'offline' : 'connecting');
    state.connection.value = polling && now !== 'online' ? (pollWorks ? 'polling' : 'offline') : view;
  }

  /** Asks for messages again and again while no socket can be had. */
  function startPolling(): void {
    if (polling) return;
    polling = true;
    void poll();
  }

  function stopPolling(): void {
    polling = pollWorks = false;
    clearTimeout(pollTimer);
  }

  async function poll(): Promise<void> {
    try {
      const { items, has_more } = await api.messages();
      if (!polling) return;
      pollWorks = true;
      sync.page(items, has_more);
      queue.drain();
    } catch (error) {
      const { code } = error as CodedError;
      pollWorks = false;
      if (FINAL.includes(code)) gone(error as CodedError);
      else if (code === VISITOR_REFUSED) await renewToken();
    }
    if (!polling) return;
    showConnection();
    pollTimer = setTimeout(() => void poll(), document.hidden ? POLL_HIDDEN : POLL_EVERY);
  }

  function onStorage(name: string | null): void {
    if (session.changedElsewhere(name)) {
      startOver(false);
      composition.drop();
      stopTraffic();
      if (session.token() || state.open.value) begin();
    }
    if (!name || name.startsWith('q:')) {
      queue.refresh();
      if (queue.items.value.length > 0) ensureConnected();
      queue.drain();
    }
    if (name === 'preview') state.previewPutAway.value = storage.get<Position>(name);
  }

  function page(): { url: string; title: string } {
    return { url: location.href.slice(0, 2000), title: document.title.slice(0, 200) };
  }

  function reportPage(): void {
    if (location.href !== pageShown && connection.send({ t: 'page', ...page() })) pageShown = location.href;
  }

  function nudge(): void {
    connection.nudge();
    if (!established && state.connection.value === 'offline') begin();
  }

  /** Ends all activity and lets go of the page; what the visitor left stays stored. */
  function shutdown(): void {
    over = true;
    stopTraffic();
    queue.close();
    undo.forEach((step) => step());
  }

  function gone(error: CodedError): void {
    if (over) return;
    shutdown();
    on.gone(error);
  }

  state.previewPutAway.value = storage.get<Position>('preview');
  const undo = [
    storage.listen(onStorage),
    effect(composition.keepDraft),
    effect(sync.markRead),
    listenTo(document, 'visibilitychange' as keyof WindowEventMap, () => {
      state.visible.value = !document.hidden;
      if (!document.hidden) nudge();
    }),
    listenTo(window, 'online', nudge),
    listenTo(window, 'offline', nudge),
    listenTo(window, 'popstate', reportPage),
    listenTo(window, 'hashchange', reportPage),
  ];

  return {
    state,
    queue,
    fileURL: api.fileURL,
    bind,
    probe: api.probe,
    begin,
    reset,
    typed: composition.typed,
    addFiles: composition.addFiles,
    shutdown,

    /** Names the visitor. Before the first session it only goes along with it. */
    identify(who: Identity): void {
      if (JSON.stringify(who) === JSON.stringify(identity)) return;
      identity = who;
      if (state.config.value) begin();
    },

    open(): void {
      state.open.value = true;
      ensureConnected();
    },

    close(): void {
      state.open.value = false;
      composition.typed(false);
    },

    putPreviewAway(): void {
      const place = later(null, state.preview());
      storage.set('preview', place);
      state.previewPutAway.value = place;
    },

    /** Sends the draft and the chosen files; a reason not to is shown as a notice. */
    send(): void {
      if (!composition.sendable()) return;
      ensureConnected();
      composition.send();
      reportPage();
    },

    async loadEarlier(): Promise<void> {
      const { messages, hasEarlier, loadingEarlier } = state;
      const oldest = messages.value[0];
      if (!oldest || !hasEarlier.value || loadingEarlier.value) return;
      loadingEarlier.value = true;
      try {
        const { items, has_more } = await api.messages(formatPosition(oldest));
        if (messages.value[0] !== oldest) return; // The thread was replaced meanwhile.
        messages.value = mergeMessages(messages.value, items);
        hasEarlier.value = has_more;
      } catch (error) {
        composition.notice((error as CodedError).code);
      } finally {
        loadingEarlier.value = false;
      }
    },
  };
}
