export type { RedisClient } from "../redis/link.js";
export {
  type Claim,
  ClaimedRun,
  Idempotency,
  type IdempotencyOptions,
  idempotency,
  type RunContext,
  type RunOptions,
  type RunResult,
} from "./idempotency.js";
export {
  type ExpressIdempotencyRequest,
  type ExpressIdempotencyResponse,
  expressIdempotency,
  type FastifyIdempotencyReply,
  type FastifyIdempotencyRequest,
  fastifyIdempotency,
  type HonoIdempotencyContext,
  honoIdempotency,
  type IdempotencyMiddlewareOptions,
} from "./middleware.js";
