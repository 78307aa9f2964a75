import type { Message } from './protocol';

/** A place in the visitor's thread: conversation, then number within it. */
export interface Position {
  conversation_id: string;
  seq: number;
}

/** Orders places; ids are 64-bit and do not fit a number. */
export function comparePositions(a: Position, b: Position): number {
  if (a.conversation_id !== b.conversation_id) {
    return BigInt(a.conversation_id) < BigInt(b.conversation_id) ? -1 : 1;
  }
  return a.seq - b.seq;
}

export function formatPosition(place: Position): string {
  return `${place.conversation_id}:${place.seq}`;
}

/** Joins two ascending lists; a message that is in both is kept once, in its newer form. */
export function mergeMessages(held: readonly Message[], more: readonly Message[]): Message[] {
  return [...new Map([...held, ...more].map((message) => [formatPosition(message), message])).values()].sort(comparePositions);
}

/** The later of two places. */
export function later(a: Position | null | undefined, b: Position | null | undefined): Position | null {
  const place = a && b ? (comparePositions(a, b) < 0 ? b : a) : (a ?? b);
  return place ? { conversation_id: place.conversation_id, seq: place.seq } : null;
}

/** The last element, or undefined. */
export function last<T>(list: readonly T[]): T | undefined {
  return list[list.length - 1];
}
