import type {
  RedisCondition,
  RedisGroupPart,
  RedisListIndex,
  RedisTopIndex,
  RedisUnique,
  RedisValueSpec,
} from "./types.js";

/** Version of what client and library say to each other. A library of another version is not spoken to. */
export const PROTOCOL = 1;

/** An index as the library has it; `s`: the epoch of the entity in which it was added. */
export interface StoredList {
  readonly n: string;
  readonly s: number;
  readonly by: readonly RedisGroupPart[];
  readonly t: RedisListIndex["terms"];
  readonly w: readonly RedisCondition[];
}
export interface StoredTop {
  readonly n: string;
  readonly s: number;
  readonly by: RedisValueSpec;
  readonly m?: RedisValueSpec;
  readonly r?: RedisValueSpec;
  readonly l: RedisTopIndex["levels"];
  readonly w: readonly RedisCondition[];
}
export interface StoredUnique {
  readonly n: string;
  readonly s: number;
  readonly parts: RedisUnique["parts"];
}

/** What the library knows of an entity. */
export interface StoredEntity {
  /** Grows when an index is added; a record remembers the epoch in which it was written. */
  readonly epoch: number;
  readonly storedAs: string;
  readonly partition: readonly string[];
  readonly lists: readonly StoredList[];
  readonly tops: readonly StoredTop[];
  readonly uniques: readonly StoredUnique[];
}

/** All that a library was made from; it carries this in a comment, by which a later `apply` knows it. */
export interface StoredDesign {
  readonly entities: { readonly [entity: string]: StoredEntity };
}

/**
 * Name of the library of a prefix: names of functions are shared by all of a server, and hold only letters, digits and
 * underscores.
 */
export function libraryName(prefix: string): string {
  return `keyfold_${prefix.replace(/[^A-Za-z0-9]/g, (c) => `_${c.charCodeAt(0).toString(16)}_`)}`;
}

const MARK = "-- keyfold ";

/** The library as FUNCTION LOAD takes it. */
export function libraryCode(name: string, design: StoredDesign): string {
  const json = JSON.stringify(design);
  let level = "=";
  while (json.includes(`]${level}]`)) level += "=";
  return [
    `#!lua name=${name}`,
    `${MARK}${PROTOCOL} ${json}`,
    `local json=[${level}[${json}]${level}]`,
    body,
    ...functions.map(
      ([suffix, callback, reads]) =>
        `redis.register_function{function_name='${name}_${suffix}',callback=${callback}${reads ? ",flags={'no-writes'}" : ""}}`,
    ),
    "",
  ].join("\n");
}

/** The design that a library was made from; undefined for a library of someone else, or of another protocol. */
export function designOfLibrary(code: string): StoredDesign | undefined {
  const line = code.split("\n", 2)[1] ?? "";
  const head = `${MARK}${PROTOCOL} `;
  if (!line.startsWith(head)) return undefined;
  try {
    return JSON.parse(line.slice(head.length)) as StoredDesign;
  } catch {
    return undefined;
  }
}

/** Suffix of the function's name, callback, whether it only reads. */
const functions = [
  ["write", "write", false],
  ["load", "load", false],
  ["list", "list", true],
  ["top", "top", true],
  ["index", "index", false],
  ["settle", "settle", false],
  ["node", "node", false],
] as const satisfies readonly (readonly [string, string, boolean])[];

/** Names of the functions behind the library's own. */
export type LibraryFunction = (typeof functions)[number][0];

/**
 * What every write and every read of a page runs. A record is one string: a JSON object with a member a line, so that
 * one member is replaced without reading the others' numbers. `_v`: its version. `_x`: the epoch of the entity in which
 * it was written, thus which indexes hold it. `_w`: ids of writes that their callers named, with the versions they made.
 *
 * A write's mark (`KEYS[2]`) makes it harmless to be sent again, by whomever: it holds the version that the write made,
 * and outlives the moment after which the write is void. Every refusal comes before the first change.
 *
 * @see https://redis.io/docs/latest/develop/programmability/functions-intro/
 */
const body = String.raw`local E,sub,find,match,gsub,gmatch,byte,char,format,floor,call
local M=9007199254740992
local RANKS='ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
local nines={['0']='9',['1']='8',['2']='7',['3']='6',['4']='5',['5']='4',['6']='3',['7']='2',['8']='1',['9']='0'}
-- A library sees nothing but redis while it is loaded: the rest is looked up by the first call.
local function ready()
  if E then return end
  sub,find,match,gsub,gmatch=string.sub,string.find,string.match,string.gsub,string.gmatch
  byte,char,format,floor,call=string.byte,string.char,string.format,math.floor,redis.call
  E=cjson.decode(json).entities
end

-- Values as text that sorts: the twin of encoding.ts.
local function whole(s,rev)
  local d=match(s,'^%-?0*(%d+)$')
  local n=#d
  if d~='0' and (byte(s)==45)~=(rev or false) then return '-'..sub(RANKS,53-n,53-n)..(gsub(d,'%d',nines)) end
  return sub(RANKS,n,n)..d
end
local function dbl(x,rev)
  if rev then x=-x end
  local b=struct.pack('>d',x+0==0 and 0 or x)
  local neg=byte(b)>127
  local t={}
  for i=1,8 do
    local c=byte(b,i)
    if neg then c=255-c elseif i==1 then c=c+128 end
    t[i]=format('%02x',c)
  end
  return table.concat(t)
end
local function text(s,rev)
  if rev then return (gsub(s,'.',function(c) return format('%02x',255-byte(c)) end))..'~' end
  if find(s,'[%z\1\2]') then return (gsub(s,'[%z\1\2]',function(c) return '\2'..char(byte(c)+1) end)) end
  return s
end
local function enc(k,v,rev)
  if k=='s' then return text(v,rev) end
  if k=='i' or k=='t' then return whole(v,rev) end
  if k=='c' then return whole((gsub(v,'%.','')),rev) end
  if k=='d' then return dbl(v,rev) end
  if k=='b' then return v~=(rev or false) and '1' or '0' end
  return v
end
-- Lua's own comparison of strings follows the server's locale.
local function cmp(a,b)
  if a==b then return 0 end
  for i=1,math.min(#a,#b) do
    local x,y=byte(a,i),byte(b,i)
    if x~=y then return x<y and -1 or 1 end
  end
  return #a<#b and -1 or 1
end
-- Days to a calendar date: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
local known,knownMs={},nil
local function bucket(at,unit)
  if at~=knownMs then known,knownMs={},at end
  if known[unit]~=nil then return known[unit] or nil end
  known[unit]=false
  local ms=tonumber(at)
  local d=floor(ms/86400000)
  local z=d+719468
  local era=floor(z/146097)
  local doe=z-era*146097
  local yoe=floor((doe-floor(doe/1460)+floor(doe/36524)-floor(doe/146096))/365)
  local doy=doe-(365*yoe+floor(yoe/4)-floor(yoe/100))
  local mp=floor((5*doy+2)/153)
  local m=mp<10 and mp+3 or mp-9
  local y=yoe+era*400+(m<=2 and 1 or 0)
  if y<0 or y>9999 then return nil end
  known.month=format('%04d-%02d',y,m)
  known.day=known.month..format('-%02d',doy-floor((153*mp+2)/5)+1)
  known.hour=known.day..format('T%02d',floor((ms-d*86400000)/3600000))
  return known[unit]
end

-- Whole numbers of any length, as digits.
local function digit(s,i)
  return i<#s and byte(s,#s-i)-48 or 0
end
local function longer(a,b)
  local r,c={},0
  for i=0,math.max(#a,#b)-1 do
    local s=digit(a,i)+digit(b,i)+c
    c=s>9 and 1 or 0
    r[#r+1]=format('%d',s%10)
  end
  if c>0 then r[#r+1]='1' end
  return string.reverse(table.concat(r))
end
local function shorter(a,b)
  local r,c={},0
  for i=0,#a-1 do
    local s=digit(a,i)-digit(b,i)-c
    c=s<0 and 1 or 0
    r[#r+1]=format('%d',s%10)
  end
  return match(string.reverse(table.concat(r)),'^0*(%d+)$')
end
local function add(a,b)
  local x,y=tonumber(a),tonumber(b)
  local z=x+y
  if x>-M and x<M and y>-M and y<M and z>-M and z<M then return z==0 and '0' or format('%.0f',z) end
  local na,nb=byte(a)==45,byte(b)==45
  local da,db=match(a,'^%-?0*(%d+)$'),match(b,'^%-?0*(%d+)$')
  if na==nb then return (na and '-' or '')..longer(da,db) end
  local c=#da~=#db and #da-#db or cmp(da,db)
  if c==0 then return '0' end
  if c<0 then na,da,db=nb,db,da end
  return (na and '-' or '')..shorter(da,db)
end
local function minus(a)
  if a=='0' then return a end
  return byte(a)==45 and sub(a,2) or '-'..a
end
local function increased(raw,k,scale,amount)
  local quoted=k=='t' or k=='c'
  if raw==nil or raw=='null' then raw=quoted and '"0"' or '0' end
  if k=='d' then
    local z=tonumber(raw)+tonumber(amount)
    if z~=z or z==math.huge or z==-math.huge then return nil end
    return format('%.17g',z)
  end
  if k=='i' then
    local z=tonumber(raw)+tonumber(amount)
    if z>=M or z<=-M then return nil end
    return z==0 and '0' or format('%.0f',z)
  end
  local z=add((gsub(sub(raw,2,-2),'%.','')),amount)
  local neg=byte(z)==45
  local d=match(z,'^%-?0*(%d+)$')
  if k=='t' then
    if #d>19 or #d==19 and cmp(d,neg and '9223372036854775808' or '9223372036854775807')>0 then return nil end
  else
    if #d>34 then return nil end
    scale=tonumber(scale)
    if scale>0 then
      d=string.rep('0',scale+1-#d)..d
      d=sub(d,1,#d-scale)..'.'..sub(d,#d-scale+1)
    end
  end
  return '"'..(neg and '-' or '')..d..'"'
end

-- Records.
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

-- What the indexes that were added in the epochs (lo, hi] hold of a record.
local function lists(e,rec,tail,lo,hi)
  local r={}
  for _,l in ipairs(e.lists) do
    if l.s>lo and l.s<=hi then
      local g=joined(rec,l.by)
      if g and holds(rec,l.w) then
        local m=''
        for _,x in ipairs(l.t) do
          local v=val(rec,x)
          if v==nil then m=nil break end
          m=m..enc(x.k,v,x.r)..'\0'
        end
        if m then r['/'..l.n..':'..g]=m..tail end
      end
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

-- KEYS: record, mark. ARGV: entity, operation, when it is void, version, the caller's id, demanded version, conditions,
-- then the record's members; or for an update: members to set, to remove, to increase, each with its number before it.
local function write(keys,argv)
  ready()
  local key,mark,op=keys[1],keys[2],argv[2]
  local seen=call('GET',mark)
  if seen then return seen=='void' and {'void'} or {'ok',seen} end
  local left=leftMs(argv[3])
  if left<0 then return {'void'} end
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base,tail=placeOf(key)
  local old=call('GET',key)
  local rec,order,oldx,w=nil,nil,0,''
  local v=tonumber(argv[4])
  if old then
    rec,order=parse(old)
    oldx=tonumber(rec._x)
    w=rec._w and sub(rec._w,2,-2) or ''
    if argv[5]~='' then
      local made=remembered(w,argv[5])
      if made then return {'ok',made} end
    end
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
    if not was[k] then
      local holder=call('GET',base..k)
      if holder and holder~=tail then return {'unique',e.uniques[i].n} end
    end
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
  keepSums(acc)
  call('SET',mark,v,'PX',left+2000)
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
  if left<0 then return {'void'} end
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base=placeOf(keys[1])
  local acc,sets,said={},{},{}
  for i=2,#keys do
    local key,b=keys[i],argv[i+2]
    local old=call('GET',key)
    if old then
      r[i-1]=old
      said[i-1]='t'
    else
      local tail=sub(key,#base+2)
      local rec=parse('{'..b..'}')
      local is=uniques(e,rec,0,e.epoch)
      local taken=nil
      for k,u in pairs(is) do
        local holder=call('GET',base..k)
        if holder and holder~=tail then taken=u end
      end
      if taken then
        r[i-1]=-taken
        said[i-1]=char(96+taken)
      else
        call('SET',key,compose(argv[3],e.epoch,'',b))
        for k in pairs(is) do call('SET',base..k,tail) end
        for k,m in pairs(lists(e,rec,tail,0,e.epoch)) do
          local s=sets[k]
          if not s then s={} sets[k]=s end
          s[#s+1]=0
          s[#s+1]=m
        end
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
  call('SET',keys[1],table.concat(said),'PX',left+2000)
  return r
end

-- KEYS: a sorted set. ARGV: direction, bounds, limit, conditions on the records. Answers where the page ended (false: at
-- the end), then the records.
local function list(keys,argv)
  ready()
  local base=placeOf(keys[1])
  local desc,min,max=argv[1]=='desc',argv[2],argv[3]
  local limit=tonumber(argv[4])
  local w=argv[5]~='' and cjson.decode(argv[5]) or nil
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
      if t and (not w or holds(parse(t),w)) then
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

-- KEYS: records of one partition. ARGV: entity. Adds them to the indexes that are younger than they are. Answers how
-- many there were, and the unique values that more than one has.
local function index(keys,argv)
  ready()
  local e=E[argv[1]]
  if not e then return {'design'} end
  local base=placeOf(keys[1])
  local acc,r,n={},{0},0
  for _,key in ipairs(keys) do
    local old=call('GET',key)
    local x=old and tonumber(match(old,'^{"_v":%d+,\n"_x":(%d+)'))
    if x and x<e.epoch then
      local tail=sub(key,#base+2)
      local rec=parse(old)
      local taken=nil
      local is=uniques(e,rec,x,e.epoch)
      for k in pairs(is) do
        local holder=call('GET',base..k)
        if holder and holder~=tail then taken=k end
      end
      if taken then r[#r+1]=base..taken
      else
        for k in pairs(is) do call('SET',base..k,tail) end
        for k,m in pairs(lists(e,rec,tail,x,e.epoch)) do call('ZADD',base..k,0,m) end
        sums(acc,base,e,rec,x,e.epoch,1)
        call('SET',key,(gsub(old,'^({"_v":%d+,\n"_x":)%d+','%1'..format('%d',e.epoch),1)))
        n=n+1
      end
    end
  end
  keepSums(acc)
  r[1]=n
  return r
end

-- KEYS: mark. ARGV: when the write is void. Answers what the write made; one that has not come is void from now on.
local function settle(keys,argv)
  ready()
  local seen=call('GET',keys[1])
  if seen then return seen end
  local left=leftMs(argv[1])
  if left>=0 then call('SET',keys[1],'void','PX',left+2000) end
  return 'void'
end

-- KEYS: any of a partition. Answers which node serves it.
local function node()
  ready()
  return call('INFO','server')..call('INFO','replication')
end`;
