/**
 * Lua of the library: values as text that sorts (the twin of encoding.ts), names of buckets, and sums of any length.
 *
 * @see https://redis.io/docs/latest/develop/programmability/lua-api/
 */
export const values = String.raw`local E,sub,find,match,gsub,gmatch,byte,char,format,floor,call
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
end`;
