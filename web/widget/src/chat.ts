import { effect } from '@preact/signals';
import { Api } from './api';
import { Connection } from './connection';
import { asCoded, CodedError, isTemporary } from './errors';
import { locale } from './locale';
import { Poller } from './poller';
import type { Config, HelloFrame, Identity, Limits } from './protocol';
import { SendQueue } from './queue';
import { Sender } from './sender';
import { Session, SUPERSEDED } from './session';
import { State } from './state';
import { AccountStorage } from './storage';
import { ThreadSync } from './sync';
import { formatPosition, mergeMessages, type Position } from './thread';

const TYPING_REPEAT = 4_000;
const PAGE_SIZE = 30;
/** Refusals that no other request of this page would escape. */
const final = new Set(['account_disabled', 'origin_refused', 'not_found']);
const RETRY_FIRST = 2_000;
const RETRY_MOST = 60_000;

export interface ChatHandlers {
  /** The chat may not be used here (any more), for this reason; everything has stopped. */
  onGone(error: CodedError): void;
  /** No session could be had; it is tried again. */
  onUnreachable(): void;
}

/** The conversation of one visitor with one account: joins session, socket, queue and what is shown. */
export class Chat {
  readonly state = new State();
  readonly queue: SendQueue;
  readonly api: Api;
  private readonly storage: AccountStorage;
  private readonly session: Session;
  private readonly connection: Connection;
  private readonly sender: Sender;
  private readonly sync: ThreadSync;
  private readonly poller = new Poller(() => this.poll());
  private readonly undo: (() => void)[] = [];
  private readonly handlers: ChatHandlers;
  private identity: Identity | undefined;
  private established = false;
  private beginning = false;
  private beginTimer: ReturnType<typeof setTimeout> | undefined;
  private beginDelay = RETRY_FIRST;
  private over = false;
  private pageShown = '';
  private typingSaid = 0;

  constructor(origin: string, account: string, handlers: ChatHandlers) {
    this.handlers = handlers;
    this.storage = new AccountStorage(account);
    this.api = new Api(origin, account);
    this.session = new Session(account, this.api, this.storage);
    this.connection = new Connection({
      url: () => this.api.socketURL(),
      hello: () => ({ t: 'hello', visitor: this.api.token ?? '', after: this.sync.after }),
      onHello: (frame) => this.onHello(frame),
      onFrame: (frame) => this.sync.onFrame(frame),
      onState: () => this.onConnection(),
      onBehind: () => this.sync.forgetPosition(),
      onRefused: () => this.renewToken(),
      onDisabled: () => this.gone(new CodedError('account_disabled')),
      onDefect: () => this.onDefect(),
      onBlocked: () => this.poller.start(),
    });
    this.sender = new Sender(this.api, this.connection);
    this.queue = new SendQueue(account, this.storage, this.sender);
    this.sync = new ThreadSync(this.state, this.connection, this.queue, this.sender);
    this.queue.onSent = (message) => this.sync.receive([message]);
    this.state.draft.value = this.storage.get('draft') ?? '';
    this.state.previewPutAway.value = this.storage.getJSON<Position>('preview');
    this.undo.push(this.storage.listen((name) => this.onStorage(name)), ...this.followPage());
  }

  /** Makes a session, trying again for as long as only the network stands in the way. */
  begin(): void {
    if (this.beginning || this.over) return;
    this.beginning = true;
    clearTimeout(this.beginTimer);
    const identity = this.identity;
    void this.establish().then(
      () => {
        this.beginning = false;
        this.beginDelay = RETRY_FIRST;
        if (identity !== this.identity) this.begin();
      },
      (error: unknown) => {
        this.beginning = false;
        this.onSessionRefused(asCoded(error), identity);
      },
    );
  }

  /** Shows what was configured the last time, so that a visitor without network finds the chat; false when nothing is known. */
  showRemembered(): boolean {
    const known = this.storage.getJSON<{ config: Config; limits: Limits }>('config');
    if (!known) return false;
    this.state.config.value ??= known.config;
    this.state.limits.value = known.limits;
    return true;
  }

  /** Names the visitor. Before the first session it only goes along with it. */
  identify(identity: Identity): void {
    if (JSON.stringify(identity) === JSON.stringify(this.identity)) return;
    this.identity = identity;
    if (this.state.config.value) this.begin();
  }

  /** The visitor signed out: nothing of them stays on this device. The next session begins when it is needed. */
  reset(): void {
    this.identity = undefined;
    this.session.forget();
    this.startOver(true);
    this.stopTraffic();
    if (this.state.open.value) this.ensureConnected();
  }

  open(): void {
    this.state.open.value = true;
    this.ensureConnected();
  }

  close(): void {
    this.state.open.value = false;
    this.typed(false);
  }

  /** Sends the draft and the chosen files; a reason not to is shown as a notice. */
  send(): void {
    const body = this.state.draft.value.trim();
    const files = [...this.state.tray.value];
    if ((!body && files.length === 0) || characters(body) > this.state.limits.value.body) return;
    this.ensureConnected();
    if (!this.queue.add(body, files)) {
      this.state.notice.value = { code: 'queue_full', params: {} };
      return;
    }
    this.state.draft.value = '';
    this.state.tray.value = [];
    this.state.notice.value = null;
    this.typed(false);
    this.reportPage();
  }

  /** Chooses files for the next message, as far as the account's limits allow. */
  addFiles(files: readonly File[]): void {
    const { file_bytes, files: most } = this.state.limits.value;
    const tray = [...this.state.tray.value];
    this.state.notice.value = null;
    for (const file of files) {
      if (file.size > file_bytes) this.notice('file_too_large', { name: file.name, max: file_bytes });
      else if (file.size === 0) this.notice('file_empty', { name: file.name });
      else if (tray.length >= most) this.notice('too_many_files', { max: most });
      else tray.push(file);
    }
    this.state.tray.value = tray;
  }

  /** Tells the teammates that the visitor is writing, or has stopped. */
  typed(on: boolean): void {
    const now = Date.now();
    if (on ? now - this.typingSaid < TYPING_REPEAT : this.typingSaid === 0) return;
    this.typingSaid = on ? now : 0;
    this.connection.send({ t: 'typing', on });
  }

  putPreviewAway(): void {
    const message = this.state.preview.value;
    if (!message) return;
    const place = { conversation_id: message.conversation_id, seq: message.seq };
    this.state.previewPutAway.value = place;
    this.storage.setJSON('preview', place);
  }

  async loadEarlier(): Promise<void> {
    const { messages, hasEarlier, loadingEarlier } = this.state;
    const oldest = messages.value[0];
    if (!oldest || !hasEarlier.value || loadingEarlier.value) return;
    loadingEarlier.value = true;
    try {
      const page = await this.api.messages(formatPosition(oldest), PAGE_SIZE);
      if (messages.value[0] !== oldest) return; // The thread was replaced meanwhile.
      messages.value = mergeMessages(messages.value, page.items);
      hasEarlier.value = page.has_more;
    } catch (error) {
      this.notice(asCoded(error).code);
    } finally {
      loadingEarlier.value = false;
    }
  }

  /** Ends all activity and lets go of the page; what the visitor left stays stored. */
  shutdown(): void {
    this.over = true;
    this.stopTraffic();
    this.queue.close();
    for (const undo of this.undo.splice(0)) undo();
  }

  private async establish(): Promise<void> {
    const { state } = this;
    const identity = this.identity;
    const result = await this.session.establish({ locale: locale.value, page: this.page(), ...(identity ? { identity } : {}) });
    if (this.over) return;
    const { answer } = result;
    if (result.otherPerson) this.startOver(answer.replaced && result.formerIdentified);
    this.established = true;
    state.config.value = answer.config;
    state.limits.value = answer.limits;
    this.storage.setJSON('config', { config: answer.config, limits: answer.limits });
    if (!state.loaded.value) {
      state.sessionUnread.value = answer.unread;
      state.conversation.value = answer.conversation;
    }
    if (this.connection.state !== 'stopped' && (result.renewed || identity)) {
      this.sync.forgetPosition(); // Proving who one is may bring earlier threads into sight.
      this.connection.restart();
    } else if (answer.conversation || state.open.value || this.queue.items.value.length > 0) {
      this.connection.start();
    }
  }

  private onSessionRefused(error: CodedError, identity: Identity | undefined): void {
    if (this.over) return;
    if (error.code === SUPERSEDED) {
      if (this.identity || this.state.open.value || !this.state.config.value) this.begin();
    } else if (identity && !isTemporary(error) && !final.has(error.code)) {
      console.warn(
        `[fanward] The identity was refused (${error.code}). Check that hash is the hex HMAC-SHA256 of user_id with the identity secret of this account. The visitor stays anonymous.`,
      );
      if (this.identity === identity) this.identity = undefined;
      if (this.session.identified) this.reset(); // The page says this is somebody else; the former person's thread is not theirs.
      this.begin();
    } else if (isTemporary(error)) {
      this.state.connection.value = 'offline';
      this.handlers.onUnreachable();
      this.beginTimer = setTimeout(() => this.begin(), error.retryAfter ? error.retryAfter * 1000 : this.beginDelay);
      this.beginDelay = Math.min(this.beginDelay * 2, RETRY_MOST);
    } else {
      this.gone(error);
    }
  }

  private ensureConnected(): void {
    if (this.established) this.connection.start();
    else if (this.state.config.value) this.begin();
  }

  private stopTraffic(): void {
    this.established = false;
    clearTimeout(this.beginTimer);
    this.connection.stop();
    this.poller.stop();
    this.sender.polling = false;
    this.showConnection();
  }

  /** Drops what belongs to another person. */
  private startOver(dropUnsent: boolean): void {
    this.sender.interrupt();
    this.sync.forgetPosition();
    this.state.forgetPerson();
    this.storage.remove('preview');
    if (!dropUnsent) return;
    this.queue.clear();
    this.dropDraft();
  }

  private dropDraft(): void {
    this.state.draft.value = '';
    this.state.tray.value = [];
  }

  private onHello(frame: HelloFrame): void {
    this.poller.stop();
    this.sender.polling = false;
    this.pageShown = '';
    if (!this.sync.onHello(frame)) {
      this.connection.restart();
      return;
    }
    this.reportPage();
    this.queue.drain();
  }

  private onConnection(): void {
    if (this.connection.state !== 'online') {
      this.sender.interrupt();
      this.sync.showTyping(null);
      this.typingSaid = 0;
    }
    this.showConnection();
  }

  private showConnection(): void {
    const { state } = this.connection;
    const view = this.state.connection;
    if (state === 'online') view.value = 'online';
    else if (this.poller.running) view.value = this.sender.polling ? 'polling' : 'offline';
    else if (state === 'stopped') view.value = 'idle';
    else if (state === 'waiting') view.value = 'offline';
    else if (view.value !== 'offline') view.value = 'connecting';
  }

  /** The token is no longer good for this account: the same person gets a new one. */
  private async renewToken(): Promise<void> {
    this.session.forget();
    this.sync.forgetPosition();
    await this.establish().catch((error: unknown) => {
      if (!isTemporary(error)) this.onSessionRefused(asCoded(error), this.identity);
    });
  }

  /** The server calls this client broken; the message in flight is the likely cause and is not sent again by itself. */
  private onDefect(): void {
    if (this.sender.suspect) this.queue.fail(this.sender.suspect, new CodedError('internal'));
    this.poller.start();
  }

  private async poll(): Promise<void> {
    try {
      const page = await this.api.messages(null, PAGE_SIZE);
      if (!this.poller.running) return;
      this.sync.onPage(page.items, page.has_more);
      this.sender.polling = true;
      this.queue.drain();
    } catch (error) {
      this.sender.polling = false;
      if (asCoded(error).code === 'account_disabled') this.gone(asCoded(error));
      else if (!isTemporary(error)) await this.renewToken();
    }
    if (this.poller.running) this.showConnection();
  }

  private onStorage(name: string | null): void {
    if (this.session.changedElsewhere(name) === 'other') {
      this.startOver(false);
      this.dropDraft();
      this.stopTraffic();
      if (this.api.token || this.state.open.value) this.begin();
    }
    if (name === null || name.startsWith('q:')) {
      this.queue.refresh();
      if (this.queue.items.value.length > 0) this.ensureConnected();
      this.queue.drain();
    }
    if (name === 'preview') this.state.previewPutAway.value = this.storage.getJSON<Position>('preview');
  }

  /** Follows what the page and the person do; returns the undoing. */
  private followPage(): (() => void)[] {
    return [
      effect(() => this.storage.set('draft', this.state.draft.value)),
      effect(() => this.sync.markRead()),
      listenTo(document, 'visibilitychange', () => {
        this.state.visible.value = !document.hidden;
        if (!document.hidden) this.nudge();
      }),
      listenTo(window, 'online', () => this.nudge()),
      listenTo(window, 'pagehide', (event) => {
        if (!(event as PageTransitionEvent).persisted) this.queue.abandon();
      }),
      listenTo(window, 'popstate', () => this.reportPage()),
      listenTo(window, 'hashchange', () => this.reportPage()),
    ];
  }

  private nudge(): void {
    this.connection.nudge();
    if (!this.established && this.state.connection.value === 'offline') this.begin();
  }

  private reportPage(): void {
    const page = this.page();
    if (page.url !== this.pageShown && this.connection.send({ t: 'page', ...page })) this.pageShown = page.url;
  }

  private page(): { url: string; title: string } {
    return { url: location.href.slice(0, 2000), title: document.title.slice(0, 200) };
  }

  private notice(code: string, params: Record<string, unknown> = {}): void {
    this.state.notice.value = { code, params };
  }

  private gone(error: CodedError): void {
    this.shutdown();
    this.handlers.onGone(error);
  }
}

/** Length as the server counts it: Unicode code points. */
export function characters(text: string): number {
  return [...text].length;
}

function listenTo(target: EventTarget, type: string, listener: (event: Event) => void): () => void {
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}
