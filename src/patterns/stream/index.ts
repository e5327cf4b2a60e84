export type { RedisClient } from "../redis/link.js";
export { Consumer, type ConsumerOptions, type ConsumerStats, type Message } from "./consumer.js";
export {
  type Added,
  type AddOptions,
  type DeadLetter,
  Stream,
  type StreamInfo,
  type StreamOptions,
  stream,
} from "./stream.js";
export type { Codec, TrimOptions } from "./types.js";
