import { useStore, createStore } from "@/realtime/store";
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

/** Files of one message at most; the server holds to the same number. */
export const MAX_FILES = 10;

const none: Upload[] = [];
const uploads = createStore<Readonly<Record<string, Upload[]>>>({});
let serial = 0;

function change(conversationId: string, key: number, patch: Partial<Upload>): void {
  uploads.set((all) => ({
    ...all,
    [conversationId]: (all[conversationId] ?? none).map((u) => (u.key === key ? { ...u, ...patch } : u)),
  }));
}

function begin(conversationId: string, upload: Upload): void {
  uploadFile(upload.file, (share) => change(conversationId, upload.key, { share }), upload.abort.signal).then(
    (attachment) => change(conversationId, upload.key, { attachment, share: 1 }),
    (error: unknown) => {
      if (!upload.abort.signal.aborted) change(conversationId, upload.key, { error });
    },
  );
}

/** Starts uploading; answers how many files were too many and left out. */
export function addUploads(conversationId: string, files: File[]): number {
  const held = uploads.get()[conversationId] ?? none;
  const room = Math.max(0, MAX_FILES - held.length);
  const fresh = files.slice(0, room).map<Upload>((file) => ({ key: ++serial, file, share: 0, attachment: null, error: null, abort: new AbortController() }));
  uploads.set((all) => ({ ...all, [conversationId]: [...held, ...fresh] }));
  for (const upload of fresh) begin(conversationId, upload);
  return files.length - fresh.length;
}

export function retryUpload(conversationId: string, upload: Upload): void {
  const again = { ...upload, error: null, share: 0, abort: new AbortController() };
  change(conversationId, upload.key, again);
  begin(conversationId, again);
}

export function removeUpload(conversationId: string, upload: Upload): void {
  upload.abort.abort();
  uploads.set((all) => ({ ...all, [conversationId]: (all[conversationId] ?? none).filter((u) => u.key !== upload.key) }));
}

/** Takes the uploaded files for a message that is being sent. */
export function takeUploads(conversationId: string): Attachment[] {
  const held = uploads.get()[conversationId] ?? none;
  uploads.set((all) => ({ ...all, [conversationId]: none }));
  return held.flatMap((u) => (u.attachment ? [u.attachment] : []));
}

/** Files chosen for the next message; they outlive looking at another conversation. */
export const useUploads = (conversationId: string): Upload[] => useStore(uploads, (all) => all[conversationId] ?? none);
