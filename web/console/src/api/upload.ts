import { API, ApiError, noteFailure, problemFrom, requestHeaders } from "./http";
import type { Attachment } from "./types";

/**
 * Uploads one file and reports progress from 0 to 1. It uses XMLHttpRequest
 * because fetch cannot report how much of a body has been sent.
 */
export function uploadFile(file: File, onProgress: (share: number) => void, signal?: AbortSignal): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", `${API}/files`);
    for (const [name, value] of Object.entries(requestHeaders("POST"))) call.setRequestHeader(name, value);
    call.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    call.onload = () => {
      if (call.status >= 200 && call.status < 300) {
        resolve(JSON.parse(call.responseText) as Attachment);
      } else {
        reject(noteFailure(problemFrom(call.status, call.responseText, call.getResponseHeader("Retry-After"))));
      }
    };
    call.onerror = () => reject(new ApiError({ status: 0, code: "network_unreachable" }));
    call.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => call.abort());
    const form = new FormData();
    form.append("file", file);
    call.send(form);
  });
}
