export type { RedisClient } from "../redis/link.js";
export { ConcurrencyLimiter, type ConcurrencyOptions, concurrencyLimit, type Permit } from "./concurrency.js";
export { type HeaderOptions, rateLimitHeaders } from "./headers.js";
export { fixedWindow, type Limit, type LimitOptions, slidingLog, slidingWindow, tokenBucket } from "./limits.js";
export {
  type ExpressResponse,
  expressRateLimit,
  type FastifyReply,
  type FastifyRequest,
  fastifyRateLimit,
  type HonoContext,
  honoRateLimit,
  type RateLimitMiddlewareOptions,
} from "./middleware.js";
export {
  type ConsumeOptions,
  type FailMode,
  type LimitState,
  RateLimiter,
  type RateLimitOptions,
  type RateLimitResult,
  rateLimit,
} from "./rate-limit.js";
