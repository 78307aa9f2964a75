import { useStore, createStore } from "@/realtime/store";
import { ApiError } from "@/api/http";
import type { Attachment } from "@/api/types";
import { uploadFile } from "@/api/upload";

export interface Upload {
  key: number;
  file: File;
  share: number;
  attachment: Attachment | null;
  error: unknown;
  abort: AbortController;
}

const none: Upload[] = [];
const uploads = createStore<Readonly<Record<string, Upload[]>>>({});
let serial = 0;

function change(list: string, key: number, patch: Partial<Upload>): void {
  uploads.set((all) => ({
    ...all,
    [list]: (all[list] ?? none).map((u) => (u.key === key ? { ...u, ...patch } : u)),
  }));
}

function begin(list: string, upload: Upload): void {
  uploadFile(upload.file, (share) => change(list, upload.key, { share }), upload.abort.signal).then(
    (attachment) => change(list, upload.key, { attachment, share: 1 }),
    (error: unknown) => {
      if (!upload.abort.signal.aborted) change(list, upload.key, { error });
    },
  );
}

/** Where the files of a reply or a note wait: a file for teammates must not slip into a reply. */
export const uploadsOf = (conversationId: string, kind: "text" | "note"): string => `${conversationId}.${kind}`;

/** Starts uploading, up to `most` files in the list; answers how many files were too many and left out. */
export function addUploads(list: string, files: File[], most: number): number {
  const held = uploads.get()[list] ?? none;
  const room = Math.max(0, most - held.length);
  const fresh = files.slice(0, room).map<Upload>((file) => ({ key: ++serial, file, share: 0, attachment: null, error: null, abort: new AbortController() }));
  uploads.set((all) => ({ ...all, [list]: [...held, ...fresh] }));
  for (const upload of fresh) begin(list, upload);
  return files.length - fresh.length;
}

export function retryUpload(list: string, upload: Upload): void {
  const again = { ...upload, error: null, share: 0, abort: new AbortController() };
  change(list, upload.key, again);
  begin(list, again);
}

/** What keeps a message with these files from being sent, if anything does. */
export function blockedBy(held: Upload[]): "uploading" | "failed" | null {
  if (held.some((u) => u.error != null)) return "failed";
  return held.some((u) => !u.attachment) ? "uploading" : null;
}

/** Whether the same file may be taken at another try: what it was refused for lies in the file itself otherwise. */
export function mayRetry(error: unknown): boolean {
  return !(error instanceof ApiError) || error.transient || error.status >= 500 || error.status === 408 || error.status === 429;
}

export function removeUpload(list: string, upload: Upload): void {
  upload.abort.abort();
  uploads.set((all) => ({ ...all, [list]: (all[list] ?? none).filter((u) => u.key !== upload.key) }));
}

/** Takes the uploaded files for a message that is being sent. */
export function takeUploads(list: string): Attachment[] {
  const held = uploads.get()[list] ?? none;
  uploads.set((all) => ({ ...all, [list]: none }));
  return held.flatMap((u) => (u.attachment ? [u.attachment] : []));
}

/** Files chosen for the next message; they outlive looking at another conversation. */
export const useUploads = (list: string): Upload[] => useStore(uploads, (all) => all[list] ?? none);
