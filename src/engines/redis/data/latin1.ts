/** What Node's buffers have beside their documented methods: `toString("latin1")` without its detours. */
interface Latin1Bytes {
  latin1Slice(from?: number, to?: number): string;
}

/** Bytes as a string, one character for each. */
export function latin1(bytes: Buffer, from: number, to: number): string {
  return (bytes as unknown as Latin1Bytes).latin1Slice(from, to);
}
