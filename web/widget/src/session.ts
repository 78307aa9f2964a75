import type { Api } from './api';
import { CodedError } from './errors';
import { withLock } from './locks';
import type { SessionAnswer, SessionRequest } from './protocol';
import { randomKey } from './queue';
import type { AccountStorage } from './storage';

const RECORD = 'visitor';

/** Code of a session that was asked for somebody who has been forgotten since. */
export const SUPERSEDED = 'superseded';

interface VisitorRecord {
  token: string;
  /** Changes when the device belongs to someone else; tabs compare it to know whose thread they hold. */
  person: string;
  identified: boolean;
}

/** What a new session means for what the widget holds. */
export interface Established {
  answer: SessionAnswer;
  /** The token differs from the one used before. */
  renewed: boolean;
  /** Another person than before: nothing held may be shown. */
  otherPerson: boolean;
  /** The former person had proved who they are, so their unsent messages are not this person's. */
  formerIdentified: boolean;
}

/** Who this browser is to the account, shared by its tabs. */
export class Session {
  private readonly api: Api;
  private readonly storage: AccountStorage;
  private readonly lock: string;
  private record: VisitorRecord | null;
  private forgotten = 0;

  constructor(account: string, api: Api, storage: AccountStorage) {
    this.api = api;
    this.storage = storage;
    this.lock = `fanward:${account}:session`;
    this.record = this.read();
    api.token = this.record?.token ?? null;
  }

  get identified(): boolean {
    return this.record?.identified ?? false;
  }

  /** Asks the server who this is; rejects with a CodedError. Tabs that start together take turns, so that they become one visitor, not several. */
  establish(request: SessionRequest): Promise<Established> {
    return withLock(this.lock, async () => {
      const before = this.read();
      const forgotten = this.forgotten;
      const answer = await this.api.session(before ? { ...request, visitor: before.token } : request);
      if (forgotten !== this.forgotten) throw new CodedError(SUPERSEDED); // The visitor signed out meanwhile.
      const otherPerson = answer.replaced || this.record?.person !== before?.person;
      const renewed = answer.visitor !== this.api.token;
      this.write({
        token: answer.visitor,
        person: answer.replaced || !before ? randomKey() : before.person,
        identified: answer.identified,
      });
      return { answer, renewed, otherPerson, formerIdentified: before?.identified ?? false };
    });
  }

  /** Forgets the visitor on this device, in every tab. */
  forget(): void {
    this.forgotten++;
    this.record = null;
    this.api.token = null;
    this.storage.remove(RECORD);
  }

  /** Whether a change another tab made to `name` (null: everything) means another person; takes over what it stored. */
  changedElsewhere(name: string | null): 'same' | 'other' {
    if (name !== null && name !== RECORD) return 'same';
    const found = this.read();
    const same = !this.record || found?.person === this.record.person;
    this.record = found;
    this.api.token = found?.token ?? null;
    return same ? 'same' : 'other';
  }

  private read(): VisitorRecord | null {
    const found = this.storage.getJSON<VisitorRecord>(RECORD);
    return found && typeof found.token === 'string' ? found : null;
  }

  private write(record: VisitorRecord): void {
    this.record = record;
    this.api.token = record.token;
    this.storage.setJSON(RECORD, record);
  }
}
