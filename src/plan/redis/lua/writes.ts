/**
 * Lua of the library: what every write runs.
 *
 * A write's mark (`KEYS[2]`) makes it harmless to be sent again, by whomever: it holds the version that the write made,
 * and outlives the moment after which the write is void. Every refusal comes before the first change; records that have
 * ended are removed by whoever comes upon them.
 */
export const writes = String.raw`-- Records that have ended which one write removes beside its own work.
local SWEPT=5
-- KEYS: record, mark. ARGV: entity, operation, when it is void, version, the caller's id, demanded version, conditions,
-- then the record's members; or for an update: members to set, to remove, to increase, each with its number before it.
local function write(keys,argv)
  ready()
  local key,mark,op=keys[1],keys[2],argv[2]
  local seen=call('GET',mark)
  if seen then return seen=='void' and {'void'} or {'ok',seen} end
  local left=leftMs(argv[3])
  if left<0 then return {tooLate(left)} end
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base,tail=placeOf(key)
  local old=call('GET',key)
  local rec,order,oldx,w=nil,nil,0,''
  local v=tonumber(argv[4])
  local now=e.x and clock()
  if old then
    rec,order=parse(old)
    oldx=tonumber(rec._x)
    w=rec._w and sub(rec._w,2,-2) or ''
    if argv[5]~='' then
      local made=remembered(w,argv[5])
      if made then return {'ok',made} end
    end
    if now and over(e,old,now) then
      v=math.max(v,tonumber(rec._v)+1)
      expelOne(base,e,tail,old)
      old,rec,order,oldx,w=nil,nil,nil,0,''
    end
  end
  if now then sweepSome(base,e,now,SWEPT) end
  if old then
    if op=='insert' then return {'there',old} end
    if argv[6]~='' and rec._v~=argv[6] then return {'version',rec._v} end
    if argv[7]~='' and not holds(rec,cjson.decode(argv[7])) then return {'condition',rec._v} end
    v=math.max(v,tonumber(rec._v)+1)
  elseif op=='update' or op=='delete' or op=='put' and (argv[6]~='' or argv[7]~='') then
    return {'missing'}
  end
  v=format('%.0f',v)
  local new,b=nil,nil
  if op=='update' then
    new={}
    for n,raw in pairs(rec) do new[n]=raw end
    local i=8
    local n=tonumber(argv[i])
    for _=1,n do
      if new[argv[i+1]]==nil then order[#order+1]=argv[i+1] end
      new[argv[i+1]]=argv[i+2]
      i=i+2
    end
    i=i+1
    n=tonumber(argv[i])
    for _=1,n do
      new[argv[i+1]]=nil
      i=i+1
    end
    i=i+1
    n=tonumber(argv[i])
    for _=1,n do
      local name=argv[i+1]
      local raw=increased(new[name],argv[i+2],argv[i+3],argv[i+4])
      if not raw then return {'range',rec._v} end
      if new[name]==nil then order[#order+1]=name end
      new[name]=raw
      i=i+4
    end
    local parts={}
    for _,name in ipairs(order) do
      if new[name]~=nil and name~='_v' and name~='_x' and name~='_w' then parts[#parts+1]='"'..name..'":'..new[name] end
    end
    b=table.concat(parts,',\n')
  elseif op~='delete' then
    b=argv[8]
    new=parse('{'..b..'}')
  end
  local was=rec and uniques(e,rec,0,oldx) or {}
  local is=new and uniques(e,new,0,e.epoch) or {}
  for k,i in pairs(is) do
    if not was[k] and holderOf(base,k,tail,e,now) then return {'unique',e.uniques[i].n} end
  end
  local before=rec and lists(e,rec,tail,0,oldx) or {}
  local after=new and lists(e,new,tail,0,e.epoch) or {}
  local acc={}
  if rec then sums(acc,base,e,rec,0,oldx,-1) end
  if new then sums(acc,base,e,new,0,e.epoch,1) end
  if new then
    if argv[5]~='' then w=remember(w,argv[5],v) end
    call('SET',key,compose(v,e.epoch,w,b))
  else
    call('DEL',key)
  end
  for k,m in pairs(before) do if after[k]~=m then call('ZREM',base..k,m) end end
  for k,m in pairs(after) do if before[k]~=m then call('ZADD',base..k,0,m) end end
  for k in pairs(was) do if not is[k] then call('DEL',base..k) end end
  for k in pairs(is) do if not was[k] then call('SET',base..k,tail) end end
  if now then
    local d=new and endOf(e,new)
    if d then call('ZADD',endings(base,e),format('%.0f',d),tail)
    elseif rec then call('ZREM',endings(base,e),tail) end
  end
  keepSums(acc)
  call('SET',mark,v,'PX',left+KEPT)
  return {'ok',v}
end

-- KEYS: mark, then records of one partition. ARGV: entity, when it is void, version, then each record's members.
-- Answers for each record: 1: stored; a text: what is there; a negative number: which unique value is taken.
local function load(keys,argv)
  ready()
  local seen=call('GET',keys[1])
  local r={}
  if seen=='void' then return {'void'} end
  if seen then
    for i=2,#keys do
      local c=sub(seen,i-1,i-1)
      if c=='1' then r[i-1]=1
      elseif c=='t' then r[i-1]=call('GET',keys[i]) or 0
      else r[i-1]=96-byte(c) end
    end
    return r
  end
  local left=leftMs(argv[2])
  if left<0 then return {tooLate(left)} end
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base=placeOf(keys[1])
  local now=e.x and clock()
  if now then sweepSome(base,e,now,2*#keys) end
  local acc,sets,said={},{},{}
  for i=2,#keys do
    local key,b=keys[i],argv[i+2]
    local old=call('GET',key)
    if old and now and over(e,old,now) then
      expelOne(base,e,sub(key,#base+2),old)
      old=nil
    end
    if old then
      r[i-1]=old
      said[i-1]='t'
    else
      local tail=sub(key,#base+2)
      local rec=parse('{'..b..'}')
      local is=uniques(e,rec,0,e.epoch)
      local taken=nil
      for k,u in pairs(is) do
        if holderOf(base,k,tail,e,now) then taken=u end
      end
      local d=now and endOf(e,rec)
      if taken then
        r[i-1]=-taken
        said[i-1]=char(96+taken)
      elseif d and d<=now then
        -- It came when its time was over: it is stored and gone.
        r[i-1]=1
        said[i-1]='1'
      else
        call('SET',key,compose(argv[3],e.epoch,'',b))
        for k in pairs(is) do call('SET',base..k,tail) end
        for k,m in pairs(lists(e,rec,tail,0,e.epoch)) do
          local s=sets[k]
          if not s then s={} sets[k]=s end
          s[#s+1]=0
          s[#s+1]=m
        end
        if d then call('ZADD',endings(base,e),format('%.0f',d),tail) end
        sums(acc,base,e,rec,0,e.epoch,1)
        r[i-1]=1
        said[i-1]='1'
      end
    end
  end
  for k,s in pairs(sets) do
    for i=1,#s,2000 do call('ZADD',base..k,unpack(s,i,math.min(i+1999,#s))) end
  end
  keepSums(acc)
  call('SET',keys[1],table.concat(said),'PX',left+KEPT)
  return r
end
-- KEYS: records of one partition. ARGV: entity. Adds them to the indexes that are younger than they are. Answers how
-- many there were, and the unique values that more than one has.
local function index(keys,argv)
  ready()
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base=placeOf(keys[1])
  local now=e.x and clock()
  local acc,r,n={},{0},0
  for _,key in ipairs(keys) do
    local old=call('GET',key)
    if old and now and over(e,old,now) then
      expelOne(base,e,sub(key,#base+2),old)
      old=nil
    end
    local x=old and tonumber(match(old,'^{"_v":%d+,\n"_x":(%d+)'))
    if x and x<e.epoch then
      local tail=sub(key,#base+2)
      local rec=parse(old)
      local taken=nil
      local is=uniques(e,rec,x,e.epoch)
      for k in pairs(is) do
        if holderOf(base,k,tail,e,now) then taken=k end
      end
      if taken then r[#r+1]=base..taken
      else
        for k in pairs(is) do call('SET',base..k,tail) end
        for k,m in pairs(lists(e,rec,tail,x,e.epoch)) do call('ZADD',base..k,0,m) end
        sums(acc,base,e,rec,x,e.epoch,1)
        local d=now and e.x.s>x and endOf(e,rec)
        if d then call('ZADD',endings(base,e),format('%.0f',d),tail) end
        call('SET',key,(gsub(old,'^({"_v":%d+,\n"_x":)%d+','%1'..format('%d',e.epoch),1)))
        n=n+1
      end
    end
  end
  keepSums(acc)
  r[1]=n
  return r
end

-- KEYS: any of a partition. ARGV: entity, and how many at most. Removes records that have ended; answers how many.
local function sweep(keys,argv)
  ready()
  local e=E[argv[1]]
  if not e or not e.x then return 0 end
  return sweepSome(placeOf(keys[1]),e,clock(),argv[2])
end

-- KEYS: mark. ARGV: when the write is void. Answers what the write made; one that has not come is void from now on,
-- unless nobody can tell any more.
local function settle(keys,argv)
  ready()
  local seen=call('GET',keys[1])
  if seen then return seen end
  local left=leftMs(argv[1])
  if left<0 then return tooLate(left) end
  call('SET',keys[1],'void','PX',left+KEPT)
  return 'void'
end`;
