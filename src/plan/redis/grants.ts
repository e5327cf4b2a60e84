import type { RedisGrants } from "./types.js";

/** What the library's functions run, and what the client sends itself. */
const run = [
  "del",
  "exists",
  "fcall",
  "fcall_ro",
  "get",
  "hdel",
  "hget",
  "hgetall",
  "hkeys",
  "hset",
  "info",
  "mget",
  "ping",
  "set",
  "time",
  "zadd",
  "zcard",
  "zrange",
  "zrank",
  "zrem",
  "zrevrank",
  "function|list",
];

/** The least rights: the commands of the functions to run them; loading the library, and looking for records, to apply. */
export const redisGrants: RedisGrants = { run, apply: [...run, "dbsize", "function|load", "scan", "unlink"] };

/** The grants as statements for redis-cli; `prefix` is what keys begin with. */
export function renderGrants(grants: RedisGrants, prefix: string): string {
  const user = (name: string, commands: readonly string[]): string =>
    `ACL SETUSER ${name} on >PASSWORD resetkeys ~${prefix}:* resetchannels -@all ${commands.map((one) => `+${one}`).join(" ")}`;
  return `${user("keyfold-run", grants.run)}\n${user("keyfold-apply", grants.apply)}\n`;
}
