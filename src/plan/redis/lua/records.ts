/**
 * Lua of the library: a record's text and its parts, and what indexes, sums and unique values hold of it.
 *
 * A record is one string: a JSON object with a member a line, so that one member is replaced without reading the others'
 * numbers. `_v`: its version. `_x`: the epoch of the entity in which it was written, thus which indexes hold it. `_w`:
 * ids of writes that their callers named, with the versions they made.
 */
export const records = String.raw`-- Records.
local function parse(s)
  local f,o={},{}
  for n,raw in gmatch(sub(s,2,-2)..',\n','"([^"\\]*)":([^\n]*),\n') do f[n]=raw o[#o+1]=n end
  return f,o
end
local function compose(v,x,w,b)
  return '{"_v":'..v..',\n"_x":'..format('%d',x)..(w~='' and ',\n"_w":"'..w..'"' or '')..',\n'..b..'}'
end
local function val(rec,x)
  local raw=rec[x.f]
  if raw==nil or raw=='null' then return nil end
  local k=x.k
  if x.p then
    local v=cjson.decode(raw)
    for _,s in ipairs(x.p) do
      if type(v)~='table' then return nil end
      v=v[s]
    end
    if v==nil or v==cjson.null then return nil end
    if k=='i' then return format('%.0f',v) end
    return v
  end
  if k=='i' or k=='r' then return raw end
  if k=='d' then return tonumber(raw) end
  if k=='b' then return raw=='true' end
  local t=sub(raw,2,-2)
  if find(t,'\\',1,true) then return cjson.decode('['..raw..']')[1] end
  return t
end
local function part(rec,x)
  local v=val(rec,x)
  if v==nil then return nil end
  if x.b then return bucket(v,x.b) end
  return enc(x.k,v)
end
local function joined(rec,parts)
  local s=''
  for i,x in ipairs(parts) do
    local p=part(rec,x)
    if p==nil then return nil end
    s=i>1 and s..'\1'..p or p
  end
  return s
end
local function holds(rec,w)
  for _,c in ipairs(w) do
    local v=val(rec,c)
    local e=nil
    if v~=nil then e=enc(c.k,v) end
    local o,ok=c.o,false
    if o=='exists' then ok=(e~=nil)==c.v
    elseif o=='ne' then ok=e~=c.v
    elseif e==nil then ok=false
    elseif o=='eq' then ok=e==c.v
    elseif o=='in' then for _,x in ipairs(c.v) do if x==e then ok=true end end
    else
      local d=cmp(e,c.v)
      ok=o=='gt' and d>0 or o=='gte' and d>=0 or o=='lt' and d<0 or o=='lte' and d<=0
    end
    if not ok then return false end
  end
  return true
end

-- Where a list's index has a record: the group, and the member; nil: nowhere.
local function entry(l,rec,tail)
  local g=joined(rec,l.by)
  if not g or not holds(rec,l.w) then return nil end
  local m=''
  for _,x in ipairs(l.t) do
    local v=val(rec,x)
    if v==nil then return nil end
    m=m..enc(x.k,v,x.r)..'\0'
  end
  return g,m..tail
end
-- What the indexes that were added in the epochs (lo, hi] hold of a record.
local function lists(e,rec,tail,lo,hi)
  local r={}
  for _,l in ipairs(e.lists) do
    if l.s>lo and l.s<=hi then
      local g,m=entry(l,rec,tail)
      if g then r['/'..l.n..':'..g]=m end
    end
  end
  return r
end
local function uniques(e,rec,lo,hi)
  local r={}
  for i,u in ipairs(e.uniques) do
    if u.s>lo and u.s<=hi then
      local g=joined(rec,u.parts)
      if g then r['/'..u.n..':'..g]=i end
    end
  end
  return r
end
local function sums(acc,base,e,rec,lo,hi,sign)
  for _,t in ipairs(e.tops) do
    if t.s>lo and t.s<=hi and holds(rec,t.w) then
      local g=part(rec,t.by)
      if g~=nil then
        local at=nil
        if t.r then at=val(rec,t.r) end
        local m=nil
        if t.m then
          m=val(rec,t.m)
          m=m==nil and '0' or (gsub(m,'%.',''))
          if sign<0 then m=minus(m) end
        end
        for _,l in ipairs(t.l) do
          local b=''
          if l~='all' then
            b=nil
            if at~=nil then if l=='value' then b=enc(t.r.k,at) else b=bucket(at,l) end end
          end
          if b then
            local set=base..'/'..t.n..'@'..l
            local a=acc[set..':'..b]
            if not a then a={set,b,{}} acc[set..':'..b]=a end
            local d=a[3][g]
            if not d then d={'0',0} a[3][g]=d end
            if m then d[1]=add(d[1],m) end
            d[2]=d[2]+sign
          end
        end
      end
    end
  end
end
local function keepSums(acc)
  for key,a in pairs(acc) do
    for g,d in pairs(a[3]) do
      if d[2]~=0 or d[1]~='0' then
        local now=call('HGET',key,g)
        local s,c='0',0
        if now then
          s,c=match(now,'^(.-):(.+)$')
          c=tonumber(c)
        end
        s,c=add(s,d[1]),c+d[2]
        if c==0 then
          call('HDEL',key,g)
          if a[2]~='' and call('EXISTS',key)==0 then call('ZREM',a[1],a[2]) end
        else
          call('HSET',key,g,s..':'..format('%.0f',c))
          if not now and a[2]~='' then call('ZADD',a[1],0,a[2]) end
        end
      end
    end
  end
end
local function placeOf(key)
  local base=match(key,'^[^}]*}')
  return base,sub(key,#base+2)
end
local function leftMs(due)
  local t=call('TIME')
  return floor((tonumber(due)-t[1]*1000000-t[2])/1000)
end
-- How long a mark outlives the moment after which its write is void.
local KEPT=2000
-- What is said of a write that came after that moment: 'void': it was not done, or its mark would be there; 'late': an
-- earlier attempt may have been done, and its mark have ended.
local function tooLate(left)
  return left>=-KEPT and 'void' or 'late'
end
local function remembered(w,id)
  local _,at=find(','..w,','..id..':',1,true)
  return at and match(w,'^%d+',at)
end
local function remember(w,id,v)
  w=(w=='' and '' or w..',')..id..':'..v
  local _,n=gsub(w,',','')
  if n>=64 then w=match(w,'^[^,]*,(.*)$') end
  return w
end

-- Records that end, by the server's clock in milliseconds: each partition has a sorted set of when.
local function clock()
  local t=call('TIME')
  return t[1]*1000+floor(t[2]/1000)
end
local function endings(base,e)
  return base..'/'..e.x.n..':'
end
local function endOf(e,rec)
  return tonumber(rec[e.x.f] or '')
end
local function over(e,text,now)
  local _,at=find(text,',\n"'..e.x.f..'":',1,true)
  local d=at and tonumber(match(text,'^%-?%d+',at+1) or '')
  return d and d<=now
end
-- Whether anything has ended that is still counted.
local function anyOver(base,e)
  return e.x and #call('ZRANGE',endings(base,e),'-inf',clock(),'BYSCORE','LIMIT',0,1)>0
end
local function expel(acc,base,e,tail,old)
  local rec=parse(old)
  local x=tonumber(rec._x)
  for k,m in pairs(lists(e,rec,tail,0,x)) do call('ZREM',base..k,m) end
  for k in pairs(uniques(e,rec,0,x)) do call('DEL',base..k) end
  sums(acc,base,e,rec,0,x,-1)
  call('DEL',base..':'..tail)
  call('ZREM',endings(base,e),tail)
end
local function expelOne(base,e,tail,old)
  local acc={}
  expel(acc,base,e,tail,old)
  keepSums(acc)
end
-- Removes so many of a partition's records that have ended, those first that ended first.
local function sweepSome(base,e,now,most)
  local due=call('ZRANGE',endings(base,e),'-inf',now,'BYSCORE','LIMIT',0,most)
  local acc={}
  for _,tail in ipairs(due) do
    local old=call('GET',base..':'..tail)
    if old then expel(acc,base,e,tail,old) else call('ZREM',endings(base,e),tail) end
  end
  keepSums(acc)
  return #due
end
-- Which other record has a unique value.
local function holderOf(base,k,tail,e,now)
  local holder=call('GET',base..k)
  if not holder or holder==tail then return nil end
  local old=now and call('GET',base..':'..holder)
  if old and over(e,old,now) then
    expelOne(base,e,holder,old)
    return nil
  end
  return holder
end`;
