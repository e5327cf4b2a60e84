/** What the server room enforces before a byte is parsed. All counts and bytes are per server but where said. */
export interface NetLimits {
  /** Connections at one time; a further one is closed at once. Default 10,000. */
  readonly connections: number;
  /** Bytes of requests that have begun to arrive and are not answered yet. Default 512 MiB. */
  readonly inFlightBytes: number;
  /** Bytes of replies that one slow reader may leave unread before its requests are no longer read. Default 1 MiB. */
  readonly unreadBytes: number;
}

export const defaultLimits: NetLimits = {
  connections: 10_000,
  inFlightBytes: 512 * 1024 * 1024,
  unreadBytes: 1024 * 1024,
};
