import { createHash } from "node:crypto";

/** A Lua script and what it is known by on a server. */
export interface Script {
  readonly lua: string;
  /** It changes something. */
  readonly writes: boolean;
  readonly sha: () => string;
}

/**
 * A Lua script, sent by its digest (EVALSHA) and in full only to a server that does not have it.
 * Every key that it touches is passed to it, so that it runs on a Cluster.
 *
 * @see https://redis.io/docs/latest/develop/programmability/eval-intro/
 */
export function script(lua: string, options: { readonly writes?: boolean } = {}): Script {
  let sha: string | undefined;
  return {
    lua,
    writes: options.writes ?? true,
    sha: () => {
      sha ??= createHash("sha1").update(lua).digest("hex");
      return sha;
    },
  };
}

/** The server's time as a script sees it, in microseconds: no host's clock decides anything. */
export const luaNow = "local T=redis.call('TIME') local now=T[1]*1000000+T[2]";

/**
 * The head of a script whose write must not be done twice, although a client may send it again. Its last key remembers
 * the write's id; its last two arguments are that id and the server's time in microseconds after which the write is
 * void, "" and "0" where neither is needed. `result` is what it answers when the id is known.
 */
export const luaOnce = `local oid,oleft=ARGV[#ARGV-1],0
if oid~='' then
local r=redis.call('GET',KEYS[#KEYS])
if r then return cjson.decode(r) end
local t=redis.call('TIME')
oleft=math.floor((tonumber(ARGV[#ARGV])-t[1]*1000000-t[2])/1000)
if oleft<0 then return redis.error_reply('EXPIRED the write came after its deadline') end
end
local function once(r) if oid~='' then redis.call('SET',KEYS[#KEYS],cjson.encode(r),'PX',oleft+1000) end return r end
`;
