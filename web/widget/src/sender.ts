import type { Api } from './api';
import type { Connection } from './connection';
import { CodedError, UNREACHABLE } from './errors';
import type { Attachment, Message } from './protocol';
import type { Transport } from './queue';

const ACK_WITHIN = 15_000;

interface Waiting {
  resolve(message: Message): void;
  reject(error: CodedError): void;
}

/** Carries messages over the socket while it lives, else by plain requests when those work. */
export class Sender implements Transport {
  private readonly api: Api;
  private readonly connection: Connection;
  private readonly waiting = new Map<string, Waiting>();
  /** Whether plain requests stand in for the socket and the last one worked. */
  polling = false;
  /** Key of the message last given to the socket without an answer yet; it may be what broke the socket. */
  suspect: string | null = null;

  constructor(api: Api, connection: Connection) {
    this.api = api;
    this.connection = connection;
  }

  ready(): boolean {
    return this.api.token !== null && (this.connection.state === 'online' || this.polling);
  }

  upload(file: File): Promise<Attachment> {
    return this.api.upload(file);
  }

  send(clientKey: string, body: string, attachmentIds: string[]): Promise<Message> {
    if (this.connection.state !== 'online') return this.api.send(clientKey, body, attachmentIds);
    return new Promise((resolve, reject) => {
      // A socket that answers pings but not this is of no use.
      const timer = setTimeout(() => this.connection.restart(), ACK_WITHIN);
      const settle = (): void => {
        clearTimeout(timer);
        this.waiting.delete(clientKey);
      };
      this.waiting.set(clientKey, {
        resolve: (message) => (settle(), resolve(message)),
        reject: (error) => (settle(), reject(error)),
      });
      this.suspect = clientKey;
      if (!this.connection.send({ t: 'send', client_key: clientKey, body, attachment_ids: attachmentIds })) this.interrupt();
    });
  }

  /** The server stored the message. */
  stored(clientKey: string, message: Message): void {
    this.answered(clientKey);
    this.waiting.get(clientKey)?.resolve(message);
  }

  /** The server refused the message. */
  refused(clientKey: string, error: CodedError): void {
    this.answered(clientKey);
    this.waiting.get(clientKey)?.reject(error);
  }

  private answered(clientKey: string): void {
    if (this.suspect === clientKey) this.suspect = null;
  }

  /** The socket is gone: what waits for an answer has to be sent again. */
  interrupt(error = new CodedError(UNREACHABLE)): void {
    for (const waiting of [...this.waiting.values()]) waiting.reject(error);
  }
}
