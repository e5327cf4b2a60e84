import { luaNow, script } from "../redis/script.js";

/**
 * KEYS: value, lease. ARGV: token, lease's milliseconds, head of the value that is not wanted any more ("" for none, "?" for any),
 * token of the lease that the caller waits for ("" for none).
 *
 * Reply: 0 and a value; 1 when the lease is granted; 2 and the token of whoever loads; 3 and the message of the loader
 * that failed under the lease that was waited for.
 */
export const leaseScript = script(`local v=redis.call('GET',KEYS[1])
if v and ARGV[3]~='?' and (ARGV[3]=='' or string.sub(v,1,#ARGV[3])~=ARGV[3]) then return {0,v} end
local l=redis.call('GET',KEYS[2])
if l and l~=ARGV[1] then
if string.byte(l)~=33 then return {2,l} end
local w='!'..ARGV[4]..' '
if ARGV[4]~='' and string.sub(l,1,#w)==w then return {3,string.sub(l,#w+1)} end
end
redis.call('SET',KEYS[2],ARGV[1],'PX',ARGV[2])
return {1}`);

/**
 * KEYS: value, lease. ARGV: token ("" to need no lease), kind, milliseconds until stale, until gone, rest of the head,
 * value. A value that was loaded before a delete finds no lease, and is not written.
 */
export const publishScript = script(`if ARGV[1]~='' and redis.call('GET',KEYS[2])~=ARGV[1] then return 0 end
${luaNow}
redis.call('SET',KEYS[1],ARGV[2]..string.format('%013.0f',math.floor(now/1000)+ARGV[3])..ARGV[5]..ARGV[6],'PX',ARGV[4])
redis.call('DEL',KEYS[2])
return 1`);

/** KEYS: lease. ARGV: token, message or "", milliseconds that those who wait have to see it. Ends a lease. */
export const endLeaseScript = script(`if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end
if ARGV[2]=='' then redis.call('DEL',KEYS[1]) else redis.call('SET',KEYS[1],'!'..ARGV[1]..' '..ARGV[2],'PX',ARGV[3]) end
return 1`);

/** KEYS: lease. ARGV: token, milliseconds. */
export const renewLeaseScript = script(`if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end
return redis.call('PEXPIRE',KEYS[1],ARGV[2])`);

/** KEYS: lease. ARGV: token, milliseconds. Takes the lease from whoever has it. */
export const seizeLeaseScript = script(`redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) return 1`);

/**
 * The tags' clock counts deletions by tag. Where it is lost, it begins at the server's microseconds, which is above all
 * that it counted before. KEYS[1]: the clock. ARGV: 1 to count on, TTL.
 */
export const clockScript = script(`local c
if redis.call('EXISTS',KEYS[1])==0 then
${luaNow}
c=now redis.call('SET',KEYS[1],string.format('%.0f',now))
elseif ARGV[1]=='1' then c=redis.call('INCR',KEYS[1]) else c=tonumber(redis.call('GET',KEYS[1])) end
redis.call('PEXPIRE',KEYS[1],ARGV[2])
return string.format('%.0f',c)`);

/** KEYS: tags. ARGV: the clock after it counted this deletion, TTL. A tag's version only ever grows. */
export const bumpTagsScript = script(`for _,k in ipairs(KEYS) do
local v=tonumber(redis.call('GET',k) or 0)+1
if v<tonumber(ARGV[1]) then v=tonumber(ARGV[1]) end
redis.call('SET',k,string.format('%.0f',v),'PX',ARGV[2])
end
return 1`);

/**
 * KEYS: tags. ARGV: the clock before loading, TTL. A tag without a version gets the clock's. Lives are prolonged rarely:
 * to whoever tracks keys each time is a change. Reply: the versions.
 */
export const touchTagsScript = script(`local out={}
for i,k in ipairs(KEYS) do
local v=redis.call('GET',k)
if not v then v=ARGV[1] redis.call('SET',k,v,'PX',ARGV[2]*2)
elseif redis.call('PTTL',k)<tonumber(ARGV[2]) then redis.call('PEXPIRE',k,ARGV[2]*2) end
out[i]=v
end
return out`);
