import { expect, test } from "vitest";
import { ApiError } from "@/api/http";
import type { Attachment } from "@/api/types";
import { blockedBy, mayRetry, type Upload } from "./uploads";

const upload = (extra: Partial<Upload>): Upload => ({ key: 1, file: new File(["a"], "a.txt"), share: 0, attachment: null, error: null, abort: new AbortController(), ...extra });
const done = upload({ attachment: {} as Attachment });
const refused = new ApiError({ status: 422, code: "file_empty" });

test("what failed is not waited for", () => {
  expect(blockedBy([])).toBeNull();
  expect(blockedBy([done])).toBeNull();
  expect(blockedBy([done, upload({})])).toBe("uploading");
  expect(blockedBy([done, upload({ error: refused })])).toBe("failed");
  expect(blockedBy([upload({}), upload({ error: refused })])).toBe("failed");
});

test.each([
  [refused, false],
  [new ApiError({ status: 413, code: "too_large" }), false],
  [new ApiError({ status: 0, code: "network_unreachable" }), true],
  [new ApiError({ status: 500, code: "internal" }), true],
  [new ApiError({ status: 503, code: "overloaded" }), true],
  [new ApiError({ status: 429, code: "too_many_requests" }), true],
  [new Error("torn"), true],
])("another try can help, case %#", (error, helps) => {
  expect(mayRetry(error)).toBe(helps);
});
