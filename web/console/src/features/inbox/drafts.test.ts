import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "@/api/calls";
import { openDrafts, receiveDraft, useDraft } from "./drafts";

let person = 0;

beforeEach(() => {
  localStorage.clear();
  openDrafts(`person ${++person}`);
  vi.spyOn(api, "draft").mockRejectedValue(new Error("offline"));
  vi.spyOn(api, "saveDraft").mockImplementation(async (_, draft) => draft as never);
  vi.spyOn(api, "deleteDraft").mockResolvedValue(undefined as never);
});
afterEach(() => {
  cleanup();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

const open = () => renderHook(() => useDraft("1")).result;

describe("a reply and a note of one conversation", () => {
  test("keep their own text, also over a reload of the page", () => {
    const draft = open();
    act(() => draft.current.change("to the customer"));
    act(() => draft.current.turn("note"));
    expect(draft.current).toMatchObject({ kind: "note", body: "", behind: true });
    act(() => draft.current.change("to the team"));
    cleanup();
    openDrafts("somebody else");
    openDrafts(`person ${person}`);
    const again = open();
    expect(again.current).toMatchObject({ kind: "note", body: "to the team", behind: true });
    act(() => again.current.turn("text"));
    expect(again.current.body).toBe("to the customer");
  });

  test("after a note was sent, replies are written", () => {
    const draft = open();
    act(() => draft.current.turn("note"));
    act(() => draft.current.change("to the team"));
    act(() => draft.current.clear());
    expect(draft.current).toMatchObject({ kind: "text", body: "", behind: false });
  });

  test("an empty note is a reply when the conversation is opened again", () => {
    const draft = open();
    act(() => draft.current.turn("note"));
    cleanup();
    expect(open().current.kind).toBe("text");
  });
});

describe("a draft from another device", () => {
  test("is taken up with its kind where nothing is written", () => {
    const draft = open();
    act(() => receiveDraft("1", { kind: "note", body: "from the phone" }));
    expect(draft.current).toMatchObject({ kind: "note", body: "from the phone" });
    act(() => receiveDraft("1", { kind: "text", body: "" }));
    expect(draft.current.body).toBe("");
  });

  test("never turns what is under the writer's hands into the other kind", () => {
    const field = document.createElement("textarea");
    field.id = "composer-input";
    document.body.append(field);
    field.focus();
    const draft = open();
    act(() => receiveDraft("1", { kind: "note", body: "from the phone" }));
    expect(draft.current).toMatchObject({ kind: "text", body: "", behind: true });
  });

  test("does not overwrite what is not saved yet, and only the shown one is saved", async () => {
    const draft = open();
    act(() => draft.current.change("newer"));
    act(() => receiveDraft("1", { kind: "text", body: "older" }));
    expect(draft.current.body).toBe("newer");
    cleanup(); // leaving the conversation saves at once
    await waitFor(() => expect(api.saveDraft).toHaveBeenCalledWith("1", { kind: "text", body: "newer" }));
  });
});
