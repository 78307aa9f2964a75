/** A subject without the marks that answering and forwarding put before it, in either language. */
export function bareSubject(subject: string): string {
  let bare = subject.trim();
  for (;;) {
    const next = bare.replace(/^(re|aw|fw|fwd|回复|答复|转发)\s*(\[\d+\])?\s*[:：]\s*/i, "");
    if (next === bare) return bare;
    bare = next;
  }
}

/** The subject under which an answer goes out; "" of a mail without one. */
export function replySubject(subject: string): string {
  const bare = bareSubject(subject);
  return bare && `Re: ${bare}`;
}
