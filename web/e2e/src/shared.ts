// One running Fanward for all tests of a file: they take turns in one worker.
import { test } from "./test";

import { Api, Hub } from "./hub";

export interface Shared {
  hub: Hub;
  /** Acts as an owner with an API token. */
  api: Api;
}

/** The hub of this file; only inside tests. */
export function sharedHub(env: Record<string, string> = {}): Shared {
  test.describe.configure({ mode: "default" });
  const shared = {} as Shared;
  test.beforeAll(async () => {
    shared.hub = await Hub.start(env);
    shared.api = Api.owner(shared.hub);
  });
  test.afterAll(() => shared.hub.stop());
  return shared;
}
