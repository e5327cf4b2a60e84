import type { RateLimitResult } from "./rate-limit.js";

/** Which header fields are made. */
export interface HeaderOptions {
  /** Also `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now). Default false. */
  readonly legacy?: boolean;
  /** Names the caller's share of the quota in `pk`. */
  readonly partitionKey?: string;
}

const quoted = (name: string): string => `"${name.replace(/["\\]/g, "\\$&")}"`;
const seconds = (ms: number): number => Math.ceil(ms / 1000);

/**
 * Response header fields that tell a client its limits: `RateLimit-Policy` and `RateLimit` (draft 11), `Retry-After`
 * where the call was refused, and the older X- fields where asked for.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function rateLimitHeaders(result: RateLimitResult, options: HeaderOptions = {}): Record<string, string> {
  const pk = options.partitionKey === undefined ? "" : `;pk=:${Buffer.from(options.partitionKey).toString("base64")}:`;
  const headers: Record<string, string> = {
    "RateLimit-Policy": result.limits
      .map(({ name, limit, windowMs }) => `${quoted(name)};q=${limit};w=${seconds(windowMs)}${pk}`)
      .join(", "),
    RateLimit: result.limits
      .map(({ name, remaining, resetMs }) => `${quoted(name)};r=${remaining};t=${seconds(resetMs)}${pk}`)
      .join(", "),
  };
  if (!result.allowed) headers["Retry-After"] = String(Math.max(1, seconds(result.retryAfterMs)));
  if (options.legacy === true) {
    headers["X-RateLimit-Limit"] = String(result.limit);
    headers["X-RateLimit-Remaining"] = String(result.remaining);
    headers["X-RateLimit-Reset"] = String(seconds(result.resetMs));
  }
  return headers;
}
