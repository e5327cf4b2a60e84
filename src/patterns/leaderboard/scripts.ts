import { luaOnce, type Script, script } from "../redis/script.js";

/** How members with one score are ordered. */
export type Ties = "first" | "lexicographic" | "shared";

/** The scripts of a board. */
export interface BoardScripts {
  readonly set: Script;
  readonly best: Script;
  readonly increment: Script;
  readonly remove: Script;
  readonly page: Script;
  readonly around: Script;
  readonly rank: Script;
}

/** Width of the number that orders ties by who came first. */
export const TIE_WIDTH = 13;

/**
 * KEYS: the board (a sorted set, best first), member data, and where ties go to the first, each member's place in the
 * order of coming. There a member of the sorted set is that place and the name, so that the set's own order within one
 * score is the order of coming.
 */
export function boardScripts(ties: Ties): BoardScripts {
  const first = ties === "first";
  const current = first
    ? "local tie=redis.call('HGET',KEYS[3],m) local cur=tie and redis.call('ZSCORE',KEYS[1],tie..m)"
    : "local cur=redis.call('ZSCORE',KEYS[1],m)";
  const put = first
    ? `if not cur or tonumber(cur)~=tonumber(new) then
if tie then redis.call('ZREM',KEYS[1],tie..m) end
tie=string.format('%0${TIE_WIDTH}d',redis.call('HINCRBY',KEYS[3],'',1))
redis.call('ZADD',KEYS[1],new,tie..m) redis.call('HSET',KEYS[3],m,tie)
end`
    : "redis.call('ZADD',KEYS[1],new,m)";
  /** ARGV: member, score, data or "", when the board expires or "0", then those of `luaOnce`. */
  const write = (choose: string) =>
    script(`${luaOnce}
local m,new=ARGV[1],ARGV[2]
${choose}
if ARGV[3]~='' then redis.call('HSET',KEYS[2],m,ARGV[3]) end
if ARGV[4]~='0' then for i=1,3 do redis.call('PEXPIREAT',KEYS[i],ARGV[4]) end end
return once(new)`);
  const position = first
    ? `local tie=redis.call('HGET',KEYS[3],m)
local at=tie and redis.call('ZRANK',KEYS[1],tie..m)
local s=at and redis.call('ZSCORE',KEYS[1],tie..m)`
    : "local at=redis.call('ZRANK',KEYS[1],m) local s=at and redis.call('ZSCORE',KEYS[1],m)";
  /** Rows from `a` to `b`; where a rank is shared, those before the first row's score too. */
  const rows = `local flat=redis.call('ZRANGE',KEYS[1],a,b,'WITHSCORES')
local before=a
${ties === "shared" ? "if flat[2] then before=redis.call('ZCOUNT',KEYS[1],'-inf','('..flat[2]) end" : ""}
local data={}
if data_wanted and flat[1] then
local names={}
for i=1,#flat,2 do names[#names+1]=${first ? `string.sub(flat[i],${TIE_WIDTH + 1})` : "flat[i]"} end
data=redis.call('HMGET',KEYS[2],unpack(names))
end
return {a,before,flat,data}`;
  return {
    set: write(`${first ? current : ""}\n${put}`),
    best: write(
      first
        ? `${current}\nif cur and tonumber(cur)<=tonumber(new) then new=cur else\n${put} end`
        : "redis.call('ZADD',KEYS[1],'LT',new,m) new=redis.call('ZSCORE',KEYS[1],m)",
    ),
    increment: write(
      first
        ? `${current}\nnew=string.format('%.17g',tonumber(cur or 0)+tonumber(new))\n${put}`
        : "new=redis.call('ZINCRBY',KEYS[1],new,m)",
    ),
    remove: script(`local m=ARGV[1]
redis.call('HDEL',KEYS[2],m)
${
  first
    ? "local tie=redis.call('HGET',KEYS[3],m) redis.call('HDEL',KEYS[3],m) return tie and redis.call('ZREM',KEYS[1],tie..m) or 0"
    : "return redis.call('ZREM',KEYS[1],m)"
}`),
    /** ARGV: offset, last, "1" for data. */
    page: script(`local a,b,data_wanted=tonumber(ARGV[1]),ARGV[2],ARGV[3]=='1'\n${rows}`, { writes: false }),
    /** ARGV: member, how many on each side, "1" for data. */
    around: script(
      `local m,data_wanted=ARGV[1],ARGV[3]=='1'
${position}
if not at then return false end
local a,b=at-ARGV[2],at+ARGV[2]
if a<0 then a=0 end
${rows}`,
      { writes: false },
    ),
    /** ARGV: member, "1" for data. */
    rank: script(
      `local m=ARGV[1]
${position}
if not at then return false end
${ties === "shared" ? "at=redis.call('ZCOUNT',KEYS[1],'-inf','('..s)" : ""}
return {at,s,redis.call('ZCARD',KEYS[1]),ARGV[2]=='1' and redis.call('HGET',KEYS[2],m)}`,
      { writes: false },
    ),
  };
}
