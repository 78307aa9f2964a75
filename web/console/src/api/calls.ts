import { request } from "./http";
import type {
  Account,
  AccountWriting,
  ApiToken,
  CheckStep,
  Consent,
  Consents,
  Contradiction,
  Conversation,
  ConversationPatch,
  Counts,
  CreatedToken,
  Customer,
  CustomerPatch,
  Delivery,
  Draft,
  FailedInbound,
  Identity,
  InboxFilter,
  Invitation,
  Me,
  Merge,
  MergePreview,
  Message,
  MessagePage,
  NewMessage,
  NewTeammate,
  Page,
  ReadCursor,
  Setup,
  SignInLink,
  Team,
  Teammate,
  TeammatePatch,
  TimelineItem,
  Trouble,
  TroubleState,
} from "./types";

type Items<T> = { items: T[] };
const enc = encodeURIComponent;

/** One function per call of the API, in the order of docs/protocol.md. */
export const api = {
  setup: (signal?: AbortSignal) => request<Setup>("GET", "/setup", { signal }),

  signIn: (email: string, password: string) => request<Me>("POST", "/session", { body: { email, password } }),
  signInByLink: (token: string) => request<Me>("POST", "/session/link", { body: { token } }),
  signOut: () => request<void>("DELETE", "/session"),

  me: (signal?: AbortSignal) => request<Me>("GET", "/me", { signal }),
  updateMe: (patch: Partial<Pick<Me, "name" | "locale" | "theme" | "availability">>) =>
    request<Me>("PATCH", "/me", { body: patch }),
  setPassword: (body: { password: string; current_password?: string }) =>
    request<void>("PUT", "/me/password", { body }),

  teammates: (signal?: AbortSignal) => request<Items<Teammate>>("GET", "/teammates", { signal }),
  invite: (body: NewTeammate) => request<Invitation>("POST", "/teammates", { body }),
  updateTeammate: (id: string, body: TeammatePatch) =>
    request<Teammate>("PATCH", `/teammates/${enc(id)}`, { body }),
  newLink: (id: string) => request<SignInLink>("POST", `/teammates/${enc(id)}/link`),

  teams: (signal?: AbortSignal) => request<Items<Team>>("GET", "/teams", { signal }),
  createTeam: (body: { name: string; member_ids: string[] }) => request<Team>("POST", "/teams", { body }),
  updateTeam: (id: string, body: { name?: string; member_ids?: string[] }) =>
    request<Team>("PATCH", `/teams/${enc(id)}`, { body }),
  deleteTeam: (id: string) => request<void>("DELETE", `/teams/${enc(id)}`),

  accounts: (signal?: AbortSignal) => request<Items<Account>>("GET", "/accounts", { signal }),
  createAccount: (body: AccountWriting) => request<Account>("POST", "/accounts", { body }),
  updateAccount: (id: string, body: Partial<Omit<AccountWriting, "channel">> & { status?: Account["status"] }) =>
    request<Account>("PATCH", `/accounts/${enc(id)}`, { body }),
  checkAccount: (body: Omit<AccountWriting, "name"> & { id?: string }) => request<Items<CheckStep>>("POST", "/accounts/check", { body }),
  disableAccount: (id: string) => request<void>("DELETE", `/accounts/${enc(id)}`),
  newIdentitySecret: (id: string) => request<{ secret: string }>("POST", `/accounts/${enc(id)}/identity-secret`),

  conversations: (filter: Partial<InboxFilter>, cursor: string | null, limit: number, signal?: AbortSignal) =>
    request<Page<Conversation>>("GET", "/conversations", { query: { ...filter, cursor, limit }, signal }),
  counts: (signal?: AbortSignal) => request<Counts>("GET", "/conversations/counts", { signal }),
  conversation: (id: string, signal?: AbortSignal) =>
    request<Conversation>("GET", `/conversations/${enc(id)}`, { signal }),
  updateConversation: (id: string, body: ConversationPatch) =>
    request<Conversation>("PATCH", `/conversations/${enc(id)}`, { body }),
  messages: (
    id: string,
    query: { before_seq?: number; after_seq?: number; limit?: number },
    signal?: AbortSignal,
  ) => request<MessagePage>("GET", `/conversations/${enc(id)}/messages`, { query, signal }),
  sendMessage: (id: string, body: NewMessage) =>
    request<Message>("POST", `/conversations/${enc(id)}/messages`, { body }),
  markRead: (id: string, seq: number) => request<ReadCursor>("POST", `/conversations/${enc(id)}/read`, { body: { seq } }),
  draft: (id: string, signal?: AbortSignal) =>
    request<Draft | null | undefined>("GET", `/conversations/${enc(id)}/draft`, { signal }),
  saveDraft: (id: string, body: Draft) => request<void>("PUT", `/conversations/${enc(id)}/draft`, { body }),
  deleteDraft: (id: string) => request<void>("DELETE", `/conversations/${enc(id)}/draft`),
  retryDelivery: (id: string) => request<Delivery>("POST", `/deliveries/${enc(id)}/retry`),
  dismissDelivery: (id: string) => request<void>("POST", `/deliveries/${enc(id)}/dismiss`),
  troubles: (state: TroubleState, cursor: string | null, limit: number, signal?: AbortSignal) =>
    request<Page<Trouble>>("GET", "/deliveries", { query: { state, cursor, limit }, signal }),
  countTroubles: async (signal?: AbortSignal) => {
    const page = await request<Page<Trouble>>("GET", "/deliveries", { query: { state: "all", limit: 1, total: true }, signal });
    return page.total ?? page.items.length;
  },
  failedInbound: (signal?: AbortSignal) => request<Items<FailedInbound>>("GET", "/inbound", { signal }),
  retryInbound: (id: string) => request<void>("POST", `/inbound/${enc(id)}/retry`),

  customers: (query: { q?: string; stage?: string; tag?: string; segment?: string; cursor?: string | null; limit?: number; total?: boolean }, signal?: AbortSignal) =>
    request<Page<Customer>>("GET", "/customers", { query, signal }),
  customer: (id: string, signal?: AbortSignal) => request<Customer>("GET", `/customers/${enc(id)}`, { signal }),
  updateCustomer: (id: string, body: CustomerPatch) =>
    request<Customer>("PATCH", `/customers/${enc(id)}`, { body }),
  liftSuppression: (identityId: string) => request<void>("DELETE", `/identities/${enc(identityId)}/suppression`),
  identities: (id: string, signal?: AbortSignal) =>
    request<Items<Identity>>("GET", `/customers/${enc(id)}/identities`, { signal }),
  timeline: (id: string, cursor: string | null, limit: number, signal?: AbortSignal) =>
    request<Page<TimelineItem>>("GET", `/customers/${enc(id)}/timeline`, { query: { cursor, limit }, signal }),
  consents: (id: string, signal?: AbortSignal) => request<Consents>("GET", `/customers/${enc(id)}/consents`, { signal }),
  setConsent: (id: string, body: { client_key: string } & Pick<Consent, "channel" | "purpose" | "state" | "source">) =>
    request<Consents>("POST", `/customers/${enc(id)}/consents`, { body }),
  mergePreview: (id: string, absorb: string, signal?: AbortSignal) =>
    request<MergePreview>("GET", `/customers/${enc(id)}/merge-preview`, { query: { with: absorb }, signal }),
  merge: (id: string, body: { absorb: string; client_key: string; despite: string[] }) =>
    request<Merge>("POST", `/customers/${enc(id)}/merge`, { body }),
  merges: (id: string, cursor: string | null, signal?: AbortSignal) =>
    request<Page<Merge>>("GET", `/customers/${enc(id)}/merges`, { query: { cursor, limit: 20 }, signal }),
  undoMerge: (id: string) => request<Merge>("POST", `/merges/${enc(id)}/undo`),
  contradictions: (customerId: string, signal?: AbortSignal) =>
    request<Page<Contradiction>>("GET", "/contradictions", { query: { customer_id: customerId, limit: 5 }, signal }),

  tokens: (signal?: AbortSignal) => request<Items<ApiToken>>("GET", "/tokens", { signal }),
  createToken: (body: { name: string; role: ApiToken["role"] }) => request<CreatedToken>("POST", "/tokens", { body }),
  deleteToken: (id: string) => request<void>("DELETE", `/tokens/${enc(id)}`),
};
