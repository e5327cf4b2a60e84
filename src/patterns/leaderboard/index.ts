export type { RedisClient } from "../redis/link.js";
export {
  type Entry,
  Leaderboard,
  type LeaderboardOptions,
  leaderboard,
  type ReadOptions,
  type ScoreOptions,
  type Standing,
} from "./leaderboard.js";
export type { PeriodOptions } from "./period.js";
export type { Ties } from "./scripts.js";
