import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { ApiError } from "@/api/http";
import type { StatusFilter, InboxView } from "@/api/types";
import { isKnown, type ChannelName } from "@/features/channels/channels";
import type { JourneySearch, JourneyTab } from "@/features/journeys/JourneyPage";
import type { TaskStateView, TaskView } from "@/features/tasks/TasksPage";
import { may, meQuery } from "@/features/session/me";
import { CrashPage, NotFoundPage } from "./fallbacks";

interface RouterContext {
  cache: QueryClient;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Plain `name=value` pairs: ids have more digits than a number can hold. */
export function parseSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const encoded = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return encoded ? `?${encoded}` : "";
}

const root = createRootRouteWithContext<RouterContext>()({ notFoundComponent: NotFoundPage });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string; ended?: boolean } => {
    const next = text(search.next);
    return { ...(next ? { next } : {}), ...(search.ended === true || search.ended === "true" ? { ended: true } : {}) };
  },
  component: lazyRouteComponent(() => import("./sign-in"), "SignInPage"),
});

const signInLink = createRoute({
  getParentRoute: () => root,
  path: "/sign-in/link",
  component: lazyRouteComponent(() => import("./sign-in"), "SignInLinkPage"),
});

async function requireMe(cache: QueryClient, href: string) {
  try {
    return await cache.ensureQueryData(meQuery);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      throw redirect({ to: "/sign-in", search: href === "/" ? {} : { next: href } });
    }
    throw error;
  }
}

const welcome = createRoute({
  getParentRoute: () => root,
  path: "/welcome",
  beforeLoad: ({ context, location }) => requireMe(context.cache, location.href),
  component: lazyRouteComponent(() => import("./sign-in"), "WelcomePage"),
});

/** Everything inside the shell. */
const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: ({ context, location }) => requireMe(context.cache, location.href),
  component: lazyRouteComponent(() => import("./app"), "AppLayout"),
  errorComponent: CrashPage,
});

const nowhere = createRoute({ getParentRoute: () => app, path: "$", component: NotFoundPage });

const home = createRoute({
  getParentRoute: () => app,
  path: "/",
  beforeLoad: async ({ context }) => {
    const me = await context.cache.ensureQueryData(meQuery);
    if (may(me, "inbox.read")) throw redirect({ to: "/inbox", replace: true });
    throw redirect({ to: may(me, "customers.read") ? "/customers" : "/preferences", replace: true });
  },
});

export interface InboxSearch {
  view?: InboxView;
  status?: StatusFilter;
  team?: string;
  account?: string;
}

const views: readonly unknown[] = ["mine", "unassigned", "all", "team"];
const statuses: readonly unknown[] = ["open", "snoozed", "resolved", "all"];

const inbox = createRoute({
  getParentRoute: () => app,
  path: "/inbox",
  validateSearch: (search: Record<string, unknown>): InboxSearch => {
    const team = text(search.team);
    const account = text(search.account);
    return {
      ...(views.includes(search.view) ? { view: search.view as InboxView } : {}),
      ...(statuses.includes(search.status) ? { status: search.status as StatusFilter } : {}),
      ...(team ? { team } : {}),
      ...(account ? { account } : {}),
    };
  },
  component: lazyRouteComponent(() => import("./inbox"), "InboxPage"),
});

const conversation = createRoute({ getParentRoute: () => inbox, path: "$conversationId" });

const troubleStates: readonly unknown[] = ["failed", "unknown"];

const deliveries = createRoute({
  getParentRoute: () => app,
  path: "/deliveries",
  validateSearch: (search: Record<string, unknown>): { state?: "failed" | "unknown" } => (troubleStates.includes(search.state) ? { state: search.state as "failed" | "unknown" } : {}),
  component: lazyRouteComponent(() => import("./deliveries"), "DeliveriesPage"),
});

/** The given ones of the wanted search parameters, as plain texts. */
function texts<K extends string>(search: Record<string, unknown>, wanted: readonly K[]): { [name in K]?: string } {
  const out: { [name in K]?: string } = {};
  for (const name of wanted) {
    const value = text(search[name]);
    if (value) out[name] = value;
  }
  return out;
}

export interface CustomersSearch {
  q?: string;
  stage?: string;
  tag?: string;
  segment?: string;
}

const customers = createRoute({
  getParentRoute: () => app,
  path: "/customers",
  validateSearch: (search: Record<string, unknown>): CustomersSearch => texts(search, ["q", "stage", "tag", "segment"]),
  component: lazyRouteComponent(() => import("./customers"), "CustomersPage"),
});
const customer = createRoute({
  getParentRoute: () => app,
  path: "/customers/$customerId",
  component: lazyRouteComponent(() => import("./customers"), "CustomerPage"),
});
const tasks = createRoute({
  getParentRoute: () => app,
  path: "/tasks",
  validateSearch: (search: Record<string, unknown>): { whose?: TaskView; state?: TaskStateView } => ({
    ...(typeof search.whose === "string" && /^(none|all|\d+)$/.test(search.whose) ? { whose: search.whose } : {}),
    ...(search.state === "done" ? { state: search.state } : {}),
  }),
  component: lazyRouteComponent(() => import("./tasks"), "TasksPage"),
});

const journeys = createRoute({
  getParentRoute: () => app,
  path: "/journeys",
  component: lazyRouteComponent(() => import("./journeys"), "JourneysPage"),
});

const journeyTabs: readonly unknown[] = ["canvas", "list", "people", "overview"];

const journey = createRoute({
  getParentRoute: () => app,
  path: "/journeys/$journeyId",
  validateSearch: (search: Record<string, unknown>): JourneySearch => {
    const node = text(search.node);
    const state = text(search.state);
    const outcome = text(search.outcome);
    return { ...(journeyTabs.includes(search.tab) ? { tab: search.tab as JourneyTab } : {}), ...(node ? { node } : {}), ...(state ? { state } : {}), ...(outcome ? { outcome } : {}) };
  },
  component: lazyRouteComponent(() => import("./journeys"), "JourneyPage"),
});
const segments = createRoute({
  getParentRoute: () => app,
  path: "/segments",
  component: lazyRouteComponent(() => import("./segments"), "SegmentsPage"),
});
const newSegment = createRoute({
  getParentRoute: () => app,
  path: "/segments/new",
  validateSearch: (search: Record<string, unknown>): { copy?: string } => texts(search, ["copy"]),
  component: lazyRouteComponent(() => import("./segments"), "NewSegmentPage"),
});

const segmentTabs: readonly unknown[] = ["people", "history"];

const segment = createRoute({
  getParentRoute: () => app,
  path: "/segments/$segmentId",
  validateSearch: (search: Record<string, unknown>): { tab?: "rule" | "people" | "history" } => (segmentTabs.includes(search.tab) ? { tab: search.tab as "people" | "history" } : {}),
  component: lazyRouteComponent(() => import("./segments"), "SegmentPage"),
});
const stages = createRoute({
  getParentRoute: () => app,
  path: "/stages",
  component: lazyRouteComponent(() => import("./stages"), "StagesPage"),
});

export interface EventsSearch {
  tab?: "debugger";
  name?: string;
  customer?: string;
  /** What became of the calls that the debugger shows. */
  call?: string;
  key?: string;
}

const events = createRoute({
  getParentRoute: () => app,
  path: "/events",
  validateSearch: (search: Record<string, unknown>): EventsSearch => ({ ...texts(search, ["name", "customer", "call", "key"]), ...(search.tab === "debugger" ? { tab: "debugger" as const } : {}) }),
  component: lazyRouteComponent(() => import("./events"), "EventsPage"),
});
const writeKeys = createRoute({
  getParentRoute: () => app,
  path: "/settings/write-keys",
  component: lazyRouteComponent(() => import("./settings"), "WriteKeysPage"),
});
const sending = createRoute({
  getParentRoute: () => app,
  path: "/settings/sending",
  component: lazyRouteComponent(() => import("./settings"), "SendingPage"),
});
const teammates = createRoute({
  getParentRoute: () => app,
  path: "/teammates",
  component: lazyRouteComponent(() => import("./teammates"), "TeammatesPage"),
});
const teams = createRoute({
  getParentRoute: () => app,
  path: "/teams",
  component: lazyRouteComponent(() => import("./teammates"), "TeamsPage"),
});
const accounts = createRoute({
  getParentRoute: () => app,
  path: "/accounts",
  component: lazyRouteComponent(() => import("./accounts"), "AccountsPage"),
});
const newAccount = createRoute({
  getParentRoute: () => app,
  path: "/accounts/new",
  validateSearch: (search: Record<string, unknown>): { channel?: ChannelName } => (typeof search.channel === "string" && isKnown(search.channel) ? { channel: search.channel } : {}),
  component: lazyRouteComponent(() => import("./accounts"), "NewAccountPage"),
});
const account = createRoute({
  getParentRoute: () => app,
  path: "/accounts/$accountId",
  component: lazyRouteComponent(() => import("./accounts"), "AccountPage"),
});
const tokens = createRoute({
  getParentRoute: () => app,
  path: "/tokens",
  component: lazyRouteComponent(() => import("./tokens"), "TokensPage"),
});
const preferences = createRoute({
  getParentRoute: () => app,
  path: "/preferences",
  component: lazyRouteComponent(() => import("./preferences"), "PreferencesPage"),
});

const tree = root.addChildren([
  signIn,
  signInLink,
  welcome,
  app.addChildren([
    home,
    nowhere,
    inbox.addChildren([conversation]),
    tasks,
    journeys,
    journey,
    deliveries,
    customers,
    customer,
    segments,
    newSegment,
    segment,
    stages,
    events,
    writeKeys,
    sending,
    teammates,
    teams,
    accounts,
    newAccount,
    account,
    tokens,
    preferences,
  ]),
]);

export function createConsoleRouter(cache: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { cache },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: CrashPage,
    // Keeps the page that is there until the next one can be shown.
    defaultPendingMs: 400,
    scrollRestoration: false,
    parseSearch,
    stringifySearch,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
