import { CodedError } from './errors';
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
  dropUnsent: boolean;
}

export type Session = ReturnType<typeof createSession>;

/** Who this browser is to the account, shared by its tabs. */
export function createSession(account: string, storage: AccountStorage, ask: (request: SessionRequest) => Promise<SessionAnswer>) {
  let record = storage.get<VisitorRecord>(RECORD);
  let forgotten = 0;

  async function take(request: SessionRequest): Promise<Established> {
    const before = storage.get<VisitorRecord>(RECORD);
    const asked = forgotten;
    const answer = await ask(before ? { ...request, visitor: before.token } : request);
    if (asked !== forgotten) throw new CodedError(SUPERSEDED); // The visitor signed out meanwhile.
    const held = record;
    const { visitor: token, replaced, identified } = answer;
    record = { token, person: before && !replaced ? before.person : randomKey(), identified };
    storage.set(RECORD, record);
    return {
      answer,
      renewed: token !== held?.token,
      otherPerson: replaced || held?.person !== before?.person,
      dropUnsent: replaced && before?.identified === true,
    };
  }

  return {
    token: () => record?.token,
    identified: () => record?.identified,

    /** Asks the server who this is; rejects with a CodedError. Tabs that start together take turns, so that they become one visitor. */
    establish: (request: SessionRequest): Promise<Established> =>
      navigator.locks ? (navigator.locks.request(`fanward:${account}:session`, () => take(request)) as unknown as Promise<Established>) : take(request),

    /** Forgets the visitor on this device, in every tab. */
    forget(): void {
      forgotten++;
      record = null;
      storage.remove(RECORD);
    },

    /** Takes over what another tab stored under `name` (null: everything is gone); true when it is another person. */
    changedElsewhere(name: string | null): boolean {
      if (name !== null && name !== RECORD) return false;
      const held = record;
      record = storage.get<VisitorRecord>(RECORD);
      return held !== null && record?.person !== held.person;
    },
  };
}
