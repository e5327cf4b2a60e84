import { luaNow, script } from "../redis/script.js";

/**
 * A lock is KEYS[1]: its holder's token, with a TTL. KEYS[2] is the last fencing number, KEYS[3] the list of those that
 * wait ("token ttl channel") and KEYS[4] until when each of them does.
 *
 * A fencing number is one more than the last. Where the last is lost (after 30 days, evicted, a failover), counting begins
 * at the server's microseconds, which is above all that were counted before.
 */
const grant = `local function grant(token,ttl)
redis.call('SET',KEYS[1],token,'PX',ttl)
local f
if redis.call('EXISTS',KEYS[2])==1 then f=redis.call('INCR',KEYS[2])
else f=now redis.call('SET',KEYS[2],string.format('%.0f',now),'EX',2592000) end
return string.format('%.0f',f)
end
local function hand()
local w=redis.call('LPOP',KEYS[3])
while w do
local token,ttl,channel=string.match(w,'^(%S+) (%S+) (%S+)$')
local till=redis.call('HGET',KEYS[4],token)
redis.call('HDEL',KEYS[4],token)
if till and tonumber(till)>now then
grant(token,ttl)
redis.call('PUBLISH',channel,token)
return
end
w=redis.call('LPOP',KEYS[3])
end
end
`;

/**
 * ARGV: token, TTL, how long it will wait (0: it will not). The common case, a lock that is free and that nobody waits
 * for, in few steps. Reply: 1 and the fence; 0 and the lock's milliseconds where it will not wait; else 2.
 */
export const takeScript = script(`local h=redis.call('GET',KEYS[1])
if h or redis.call('EXISTS',KEYS[3])==1 then
if h and h~=ARGV[1] and ARGV[3]=='0' then return {0,redis.call('PTTL',KEYS[1])} end
return {2}
end
redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2])
local f=redis.call('INCR',KEYS[2])
if f==1 then
${luaNow}
f=now
redis.call('SET',KEYS[2],string.format('%.0f',f),'EX',2592000)
end
return {1,f}`);

/** ARGV: token. The common case of a release. Reply: 1, 0 where the token does not hold it, 2 where others wait. */
export const giveScript = script(`if redis.call('GET',KEYS[1])~=ARGV[1] then return redis.call('EXISTS',KEYS[3])*2 end
if redis.call('EXISTS',KEYS[3])==1 then return 2 end
redis.call('DEL',KEYS[1])
return 1`);

/**
 * ARGV: token, TTL, how long it will wait (0: it will not), channel to wake it by. A repeated call finds its own token
 * and begins its time anew. Who comes when nobody holds the lock and others wait, stands behind them.
 * Reply: 1 and the fence; or 0 and the milliseconds after which to look again, should nothing be heard.
 */
export const acquireScript = script(`${luaNow}
${grant}
local holder=redis.call('GET',KEYS[1])
if holder==ARGV[1] then
redis.call('PEXPIRE',KEYS[1],ARGV[2])
return {1,redis.call('GET',KEYS[2])}
end
local wait=tonumber(ARGV[3])
if not holder then
hand()
holder=redis.call('GET',KEYS[1])
if holder==ARGV[1] then return {1,redis.call('GET',KEYS[2])} end
if not holder then return {1,grant(ARGV[1],ARGV[2])} end
end
if wait>0 then
if redis.call('HEXISTS',KEYS[4],ARGV[1])==0 then redis.call('RPUSH',KEYS[3],ARGV[1]..' '..ARGV[2]..' '..ARGV[4]) end
redis.call('HSET',KEYS[4],ARGV[1],string.format('%.0f',now+wait*1000))
for i=3,4 do if redis.call('PTTL',KEYS[i])<wait+1000 then redis.call('PEXPIRE',KEYS[i],wait+1000) end end
end
return {0,redis.call('PTTL',KEYS[1])}`);

/** ARGV: token. Frees the lock where the token holds it, and hands it to the first that waits; leaves the queue. */
export const releaseScript = script(`${luaNow}
${grant}
if redis.call('HDEL',KEYS[4],ARGV[1])==1 then
for _,w in ipairs(redis.call('LRANGE',KEYS[3],0,-1)) do
if string.sub(w,1,#ARGV[1]+1)==ARGV[1]..' ' then redis.call('LREM',KEYS[3],1,w) end
end
end
if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end
redis.call('DEL',KEYS[1])
hand()
return 1`);

/** ARGV: token, TTL. */
export const renewScript = script(`if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end
return redis.call('PEXPIRE',KEYS[1],ARGV[2])`);

/** ARGV: token, a fence that a majority must have seen. Raises this node's last fence to it while the token holds. */
export const raiseScript = script(`if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end
if tonumber(redis.call('GET',KEYS[2]) or 0)<tonumber(ARGV[2]) then redis.call('SET',KEYS[2],ARGV[2],'EX',2592000) end
return 1`);
