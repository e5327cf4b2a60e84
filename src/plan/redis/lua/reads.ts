/** Lua of the library: what reads run that one command cannot answer. They change nothing. */
export const reads = `-- KEYS: records. ARGV: entity. Answers each that is there and has not ended.
local function read(keys,argv)
  ready()
  local e=E[argv[1]]
  local r=call('MGET',unpack(keys))
  if e and e.x then
    local now=clock()
    for i,text in ipairs(r) do
      if text and over(e,text,now) then r[i]=false end
    end
  end
  return r
end

-- KEYS: a sorted set. ARGV: entity, direction, bounds, limit, conditions on the records. Answers where the page ended (false: at
-- the end), then the records.
local function list(keys,argv)
  ready()
  local base=placeOf(keys[1])
  local e=E[argv[1]]
  local now=e and e.x and clock()
  local desc,min,max=argv[2]=='desc',argv[3],argv[4]
  local limit=tonumber(argv[5])
  local w=argv[6]~='' and cjson.decode(argv[6]) or nil
  local r,n,looked={false},0,0
  local last=nil
  while true do
    local want=math.min(limit+1-n,1000)
    local found
    if desc then found=call('ZRANGE',keys[1],max,min,'BYLEX','REV','LIMIT',0,want)
    else found=call('ZRANGE',keys[1],min,max,'BYLEX','LIMIT',0,want) end
    if #found==0 then return r end
    local names={}
    for i,m in ipairs(found) do names[i]=base..':'..(match(m,'.*%z([^%z]*)$') or m) end
    local texts=call('MGET',unpack(names))
    for i,m in ipairs(found) do
      local t=texts[i]
      if t and not (now and over(e,t,now)) and (not w or holds(parse(t),w)) then
        if n==limit then
          r[1]=last
          return r
        end
        n=n+1
        r[n+1]=t
      end
      last=m
    end
    if #found<want then return r end
    looked=looked+#found
    if looked>limit*10+1000 then
      r[1]=last
      return r
    end
    if desc then max='('..last else min='('..last end
  end
end

-- KEYS: what the sums' names begin with. ARGV: level, least and greatest bucket, as often as there are spans.
local function top(keys,argv)
  ready()
  local r={}
  for i=1,#argv,3 do
    local set=keys[1]..'@'..argv[i]
    if argv[i]=='all' then r[#r+1]=call('HGETALL',set..':')
    else
      for _,b in ipairs(call('ZRANGE',set,argv[i+1],argv[i+2],'BYLEX')) do r[#r+1]=call('HGETALL',set..':'..b) end
    end
  end
  return r
end

-- KEYS: a record. ARGV: entity, a list's index, direction. Answers 1 where records have ended that are still counted,
-- then the record's place in its group, how many there are, and the record: nothing of these where it is in no group.
local function rank(keys,argv)
  ready()
  local e=E[argv[1]]
  if not e then return {0} end
  local base,tail=placeOf(keys[1])
  local due=anyOver(base,e) and 1 or 0
  local text=call('GET',keys[1])
  if not text or e.x and over(e,text,clock()) then return {due} end
  for _,l in ipairs(e.lists) do
    if l.n==argv[2] then
      local g,m=entry(l,parse(text),tail)
      local set=g and base..'/'..l.n..':'..g
      local at=set and call(argv[3]=='desc' and 'ZREVRANK' or 'ZRANK',set,m)
      if at then return {due,at+1,call('ZCARD',set),text} end
    end
  end
  return {due}
end

-- As rank, after removing what has ended, at most so many (ARGV: after rank's own). Answers 1 where more may be left:
-- what ends from then on is not asked for again.
local function sweptRank(keys,argv)
  ready()
  local e=E[argv[1]]
  if not e or not e.x then return rank(keys,argv) end
  local most=tonumber(argv[4])
  local swept=sweepSome(placeOf(keys[1]),e,clock(),most)
  local r=rank(keys,argv)
  r[1]=swept<most and 0 or 1
  return r
end

-- KEYS: any of a partition. Answers which node serves it.
local function node()
  ready()
  return call('INFO','server')..call('INFO','replication')
end`;
