export type { RedisClient } from "../redis/link.js";
export { type MessageCodec, PubSub, type PubSubOptions, pubsub } from "./pubsub.js";
export { type Heard, type QueueOptions, Subscription } from "./subscription.js";
