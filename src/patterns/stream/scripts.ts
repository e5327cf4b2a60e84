import { luaNow, luaOnce, script } from "../redis/script.js";

/**
 * KEYS: stream, a key for each event that has an id of its own, and `luaOnce`'s. ARGV: how long ids are remembered, then
 * per event 1 or 0 for an id of its own and the event, then those of `luaOnce`. Reply: per event its place, with "="
 * before it where it was there already.
 */
export const addScript = script(`${luaOnce}
local out,k={},1
for i=2,#ARGV-2,2 do
local known=false
if ARGV[i]=='1' then
k=k+1
known=redis.call('GET',KEYS[k])
end
if known then out[#out+1]='='..known else
local id=redis.call('XADD',KEYS[1],'*','e',ARGV[i+1])
if ARGV[i]=='1' then redis.call('SET',KEYS[k],id,'PX',ARGV[1]) end
out[#out+1]=id
end
end
return once(out)`);

/** KEYS: stream. ARGV: group, where it begins. A group that is there stays as it is. */
export const groupScript = script(`local r=redis.pcall('XGROUP','CREATE',KEYS[1],ARGV[1],ARGV[2],'MKSTREAM')
if type(r)=='table' and r.err and not string.find(r.err,'BUSYGROUP') then return r end
return 1`);

/**
 * KEYS: stream. ARGV: group, consumer, milliseconds, where to begin, how many. Takes over what was idle for so long; with
 * "" for milliseconds what the consumer has already. Neither counts as a delivery. Reply: where to go on ("" at the end),
 * then for each its place, how often it was delivered, and the event, null where it is not in the stream any more.
 */
export const takeScript = script(`local K,g=KEYS[1],ARGV[1]
local ids,at={},''
if ARGV[3]=='' then
for i,p in ipairs(redis.call('XPENDING',K,g,ARGV[4],'+',ARGV[5],ARGV[2])) do ids[i]=p[1] end
if #ids==tonumber(ARGV[5]) then at='('..ids[#ids] end
else
local r=redis.call('XAUTOCLAIM',K,g,ARGV[2],ARGV[3],ARGV[4],'COUNT',ARGV[5],'JUSTID')
ids=r[2]
if r[1]~='0-0' then at=r[1] end
end
local out={at}
for _,id in ipairs(ids) do
local e=redis.call('XRANGE',K,id,id)[1]
out[#out+1]={id,redis.call('XPENDING',K,g,id,id,1)[1][4],e and e[2][2] or false}
end
return out`);

/**
 * KEYS: stream. ARGV: group, consumer, "1" to count a delivery, ids. Begins the idle time of those that the consumer
 * still holds anew. Reply: how often each was delivered, 0 for one that it lost.
 */
export const holdScript = script(`local out={}
for i=4,#ARGV do
local p=redis.call('XPENDING',KEYS[1],ARGV[1],ARGV[i],ARGV[i],1)[1]
local n=0
if p and p[2]==ARGV[2] then
n=p[4]
if ARGV[3]=='1' then redis.call('XCLAIM',KEYS[1],ARGV[1],ARGV[2],0,ARGV[i]) n=n+1
else redis.call('XCLAIM',KEYS[1],ARGV[1],ARGV[2],0,ARGV[i],'JUSTID') end
end
out[#out+1]=n
end
return out`);

/** KEYS: stream, dead letters. ARGV: group, id, event, deliveries, why. Moved once, whoever repeats it. */
export const buryScript = script(`if redis.call('XACK',KEYS[1],ARGV[1],ARGV[2])==0 then return 0 end
redis.call('XADD',KEYS[2],'*','e',ARGV[3],'id',ARGV[2],'group',ARGV[1],'deliveries',ARGV[4],'error',ARGV[5])
return 1`);

/** KEYS: stream, dead letters. ARGV: dead letter's id. Puts its event back at the end of the stream. */
export const reviveScript = script(`local m=redis.call('XRANGE',KEYS[2],ARGV[1],ARGV[1])[1]
if not m then return false end
redis.call('XDEL',KEYS[2],ARGV[1])
return redis.call('XADD',KEYS[1],'*','e',m[2][2])`);

/** Lua's `before(a,b)`: whether one place in a stream is before another. */
const before = `local function before(a,b)
local am,as=string.match(a,'^(%d+)-(%d+)$')
local bm,bs=string.match(b,'^(%d+)-(%d+)$')
am=tonumber(am) bm=tonumber(bm)
return am<bm or am==bm and tonumber(as)<tonumber(bs)
end`;

/**
 * KEYS: stream. ARGV: entries to keep, milliseconds to keep. Removes what every group has done, never what one still has
 * pending or has not read. Reply: how many.
 */
export const trimScript = script(`${luaNow}
${before}
if redis.call('EXISTS',KEYS[1])==0 then return 0 end
local min
local function least(id) if not min or before(id,min) then min=id end end
for _,g in ipairs(redis.call('XINFO','GROUPS',KEYS[1])) do
local f={}
for i=1,#g,2 do f[g[i]]=g[i+1] end
least(f['last-delivered-id'])
if f.pending>0 then least(redis.call('XPENDING',KEYS[1],f.name)[2]) end
end
if not min then return 0 end
local keep=tonumber(ARGV[1])
if keep>0 then
local oldest=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',keep)
if #oldest<keep then return 0 end
least(oldest[#oldest][1])
end
if ARGV[2]~='0' then least(string.format('%.0f-0',math.floor(now/1000)-ARGV[2])) end
return redis.call('XTRIM',KEYS[1],'MINID',min)`);

/** KEYS: stream, dead letters. ARGV: group. Reply: length, dead, pending, lag (-1: not known), oldest pending's ms. */
export const infoScript = script(
  `${luaNow}
local out={redis.call('XLEN',KEYS[1]),redis.call('XLEN',KEYS[2]),0,-1,0}
if redis.call('EXISTS',KEYS[1])==0 then return out end
for _,g in ipairs(redis.call('XINFO','GROUPS',KEYS[1])) do
local f={}
for i=1,#g,2 do f[g[i]]=g[i+1] end
if f.name==ARGV[1] then
out[3]=f.pending
if f.lag then out[4]=f.lag end
if f.pending>0 then
local ms=string.match(redis.call('XPENDING',KEYS[1],f.name)[2],'^%d+')
out[5]=math.floor(now/1000)-ms
end
end
end
return out`,
  { writes: false },
);

/** KEYS: stream. ARGV: group, consumer. Removes a consumer that has nothing pending. */
export const leaveScript = script(`local p=redis.call('XPENDING',KEYS[1],ARGV[1],'-','+',1,ARGV[2])
if #p>0 then return 0 end
redis.call('XGROUP','DELCONSUMER',KEYS[1],ARGV[1],ARGV[2])
return 1`);
