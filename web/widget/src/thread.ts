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
  const byPlace = new Map<string, Message>();
  for (const message of held) byPlace.set(formatPosition(message), message);
  for (const message of more) byPlace.set(formatPosition(message), message);
  return [...byPlace.values()].sort(comparePositions);
}

/** The later of two places. */
export function later(a: Position | null, b: Position | null): Position | null {
  if (!a || !b) return a ?? b;
  return comparePositions(a, b) >= 0 ? { conversation_id: a.conversation_id, seq: a.seq } : { conversation_id: b.conversation_id, seq: b.seq };
}

/** The last element, or undefined. */
export function last<T>(list: readonly T[]): T | undefined {
  return list[list.length - 1];
}
