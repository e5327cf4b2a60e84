import { batchScript } from "../redis/batch.js";
import { luaNow, script } from "../redis/script.js";

/**
 * A lock is one string, K1 or KEYS[1]: its last fence in 16 digits, "w" where others wait or "-", until when it is held in
 * 16 digits (microseconds of the server), and its holder's token. KEYS[2] is the list of those that wait ("token ttl
 * channel") and KEYS[3] until when each of them does.
 *
 * A fence is the server's microseconds, or one more than the last where the clock is behind that. So it grows even where
 * the last one is lost (30 days after the last holder, evicted, a failover): a count would be handed out twice then.
 */
const KEEP_SECONDS = 2_592_000;

/**
 * The common cases, in two commands each: a lock that nobody waits for is taken or released.
 * A1: token. A2: TTL in milliseconds, negative where the caller would wait; "" to release.
 * Reply of a release: 1, 0 where the token does not hold it, 2 where others wait. Reply of a taking: the fence; or 0 where
 * the queue has to be asked; or, where the lock is another's, for how many milliseconds, as -1 - n.
 */
export const quickScript = batchScript(
  { keys: 1, args: 2, head: `${luaNow} local sub,byte,format=string.sub,string.byte,string.format` },
  `local s=call('GET',K1)
local left=s and sub(s,18,33)-now
if A2=='' then
if s and sub(s,17,17)=='w' then return 2 end
if not s or sub(s,34)~=A1 then return 0 end
call('SET',K1,sub(s,1,17)..'0000000000000000','KEEPTTL')
return left>0 and 1 or 0
end
local f=now
if s then
if sub(s,17,17)=='w' then return 0 end
if left>0 then
if byte(A2)==45 or sub(s,34)==A1 then return 0 end
return -1-math.ceil(left/1000)
end
f=math.max(now,sub(s,1,16)+1)
end
call('SET',K1,format('%016d-%016d',f,now+math.abs(A2)*1000)..A1,'EX',${KEEP_SECONDS})
return f`,
);

/**
 * Reads the lock into f, till and holder; `grant` gives it to a token, `hand` to the first that waits: it has the
 * lock also where the user may not publish, and looks for itself then.
 */
const state = `${luaNow}
local s=redis.call('GET',KEYS[1])
local f,till,holder=0,0,''
if s then f,till,holder=tonumber(string.sub(s,1,16)),tonumber(string.sub(s,18,33)),string.sub(s,34) end
if till<=now then till,holder=0,'' end
local function keep()
local w=redis.call('EXISTS',KEYS[2])==1 and 'w' or '-'
redis.call('SET',KEYS[1],string.format('%016d%s%016d',f,w,till)..holder,'EX',${KEEP_SECONDS})
end
local function hold(token,ttl) holder=token till=now+ttl*1000 keep() end
local function grant(token,ttl) f=math.max(now,f+1) hold(token,ttl) end
local function hand()
holder=''
local w=redis.call('LPOP',KEYS[2])
while w do
local token,ttl,channel=string.match(w,'^(%S+) (%S+) (%S+)$')
local wait=redis.call('HGET',KEYS[3],token)
redis.call('HDEL',KEYS[3],token)
if wait and tonumber(wait)>now then
grant(token,ttl)
redis.pcall('PUBLISH',channel,token)
return
end
w=redis.call('LPOP',KEYS[2])
end
end
`;

/**
 * ARGV: token, TTL, how long it will wait (0: it will not), channel to wake it by. A repeated call finds its own token
 * and begins its time anew. Who comes when nobody holds the lock and others wait, stands behind them.
 * Reply: 1 and the fence; or 0 and the milliseconds after which to look again, should nothing be heard.
 */
export const acquireScript = script(`${state}
local wait=tonumber(ARGV[3])
if holder==ARGV[1] then hold(holder,ARGV[2])
elseif holder=='' then
hand()
if holder=='' then grant(ARGV[1],ARGV[2]) end
end
if holder==ARGV[1] then return {1,string.format('%.0f',f)} end
if wait>0 then
if redis.call('HEXISTS',KEYS[3],ARGV[1])==0 then redis.call('RPUSH',KEYS[2],ARGV[1]..' '..ARGV[2]..' '..ARGV[4]) end
redis.call('HSET',KEYS[3],ARGV[1],string.format('%.0f',now+wait*1000))
for i=2,3 do if redis.call('PTTL',KEYS[i])<wait+1000 then redis.call('PEXPIRE',KEYS[i],wait+1000) end end
keep()
end
return {0,math.ceil((till-now)/1000)}`);

/** ARGV: token. Frees the lock where the token holds it, and hands it to the first that waits; leaves the queue. */
export const releaseScript = script(`${state}
if redis.call('HDEL',KEYS[3],ARGV[1])==1 then
for _,w in ipairs(redis.call('LRANGE',KEYS[2],0,-1)) do
if string.sub(w,1,#ARGV[1]+1)==ARGV[1]..' ' then redis.call('LREM',KEYS[2],1,w) end
end
end
if holder~=ARGV[1] then return 0 end
hand()
if holder=='' then till=0 keep() end
return 1`);

/** ARGV: token, TTL. */
export const renewScript = script(`${state}
if holder~=ARGV[1] then return 0 end
hold(holder,ARGV[2])
return 1`);

/** ARGV: token, a fence that a majority must have seen. Raises this node's last fence to it while the token holds. */
export const raiseScript = script(`${state}
if holder~=ARGV[1] then return 0 end
f=math.max(f,tonumber(ARGV[2]))
keep()
return 1`);
