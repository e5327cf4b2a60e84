import { type BatchScript, batchScript } from "../redis/batch.js";
import { doneOnce } from "../redis/once.js";

/** How members with one score are ordered. */
export type Ties = "first" | "lexicographic" | "shared";

/** The scripts of a board. */
export interface BoardScripts {
  readonly write: BatchScript;
  readonly read: BatchScript;
}

/** Width of the number that orders ties by who came first. */
export const TIE_WIDTH = 13;

/**
 * K1 is the board (a sorted set, best first), K2 member data, and where ties go to the first, K3 has each member's place
 * in the order of coming. There a member of the sorted set is that place and the name, so that the set's own order within
 * one score is the order of coming.
 */
export function boardScripts(ties: Ties): BoardScripts {
  const first = ties === "first";
  const shared = ties === "shared";
  return {
    /**
     * A1: member. A2: set, best, increment or remove by its first letter, and the score. A3: "", or when the board
     * expires ("0": never), a blank and the data, if any. Reply: the score, 1 where it is as given; of a removal, 1 or 0.
     */
    write: batchScript(
      { keys: 3, args: 3, oneSubject: true, once: doneOnce },
      `local op,new=string.sub(A2,1,1),string.sub(A2,2)
${
  first
    ? `local tie=call('HGET',K3,A1)
if op=='r' then
call('HDEL',K2,A1) call('HDEL',K3,A1)
return tie and call('ZREM',K1,tie..A1) or 0
end
local cur=tie and call('ZSCORE',K1,tie..A1)
if op=='i' then new=string.format('%.17g',(cur or 0)+new)
elseif op=='b' and cur and tonumber(cur)<=tonumber(new) then new=cur end
if not cur or tonumber(cur)~=tonumber(new) then
if tie then call('ZREM',K1,tie..A1) end
tie=string.format('%0${TIE_WIDTH}d',call('HINCRBY',K3,'',1))
call('ZADD',K1,new,tie..A1) call('HSET',K3,A1,tie)
end`
    : `if op=='r' then call('HDEL',K2,A1) return call('ZREM',K1,A1) end
if op=='i' then new=call('ZINCRBY',K1,new,A1)
elseif op=='b' then call('ZADD',K1,'LT',new,A1) new=call('ZSCORE',K1,A1)
else call('ZADD',K1,new,A1) end`
}
if A3~='' then
local expire,data=string.match(A3,'^(%d+) (.*)$')
if data~='' then call('HSET',K2,A1,data) end
if expire~='0' then for _,k in ipairs({K1,K2,K3}) do call('PEXPIREAT',k,expire) end end
end
return op=='s' and 1 or new`,
    ),
    /**
     * A1: "p" for a page from A2 to A3, "a" for A3 members on each side of A2, "r" for the rank of A2; then "d" for data
     * too, and "j" for JSON. Reply of a rank: position, score and count, and the data on the next line. Of the others:
     * member, score, member, score … then data …, then position of the first, members before its score and number of
     * rows, each on its line, or as a JSON array of the lines.
     */
    read: batchScript(
      { keys: 3, args: 3, oneSubject: true, writes: false },
      `local op,data=string.sub(A1,1,1),string.find(A1,'d',1,true)
local a,b=A2,A3
if op~='p' then
local m=${first ? "call('HGET',K3,A2) if not m then return false end m=m..A2" : "A2"}
local at=call('ZRANK',K1,m)
if not at then return false end
if op=='r' then
local s=call('ZSCORE',K1,m)
${shared ? "at=call('ZCOUNT',K1,'-inf','('..s)" : ""}
return at..' '..s..' '..call('ZCARD',K1)..'\\n'..(data and call('HGET',K2,A2) or '')
end
a,b=math.max(0,at-A3),at+A3
end
local flat=call('ZRANGE',K1,a,b,'WITHSCORES')
local n,before=#flat,a
${shared ? "if n>0 then before=call('ZCOUNT',K1,'-inf','('..flat[2]) end" : ""}
if data then
for from=1,n,800 do
local names={}
for i=from,math.min(n,from+798),2 do names[#names+1]=${first ? `string.sub(flat[i],${TIE_WIDTH + 1})` : "flat[i]"} end
for _,each in ipairs(call('HMGET',K2,unpack(names))) do flat[#flat+1]=each or '' end
end
end
flat[#flat+1]=a..' '..before..' '..n
return string.find(A1,'j',1,true) and cjson.encode(flat) or table.concat(flat,'\\n')`,
    ),
  };
}
