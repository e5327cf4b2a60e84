import { luaNow, type Script, script } from "../redis/script.js";
import type { Limit } from "./limits.js";

/**
 * One script for all limits of a limiter, its numbers written into it. It reads every limit of a call first and charges
 * them only when each has room, so a refused call costs nothing anywhere.
 *
 * KEYS: one per limit, for each call. ARGV: for each call its cost (0 only looks), with "!" before it to charge in any
 * case. Reply, for each call: 1 or 0, then per limit what is left, and the microseconds until it is whole again and until
 * this call may pass.
 */
export function limitScript(limits: readonly Limit[]): Script {
  const one = limits.length === 1;
  const read = ({ check, charge }: Limit, i: number) => `local K=KEYS[k+${i + 1}]
local ok,left,reset,retry,blockUntil=true,0,0,0
${check}
if blockUntil and blockUntil>now then ok=false left=0 reset=blockUntil-now retry=reset else blockUntil=nil end
${
  one
    ? `out[o]=ok and 1 or 0
if cost~=0 and (ok or force) and not blockUntil then
${charge}
end`
    : `pass=pass and ok
states[${i + 1}]=function(take)
if take and not blockUntil then
${charge}
end`
}
if ok then retry=0 end
if left<0 then left=0 end
${one ? "out[o+1]=left out[o+2]=reset out[o+3]=retry" : "return left,reset,retry end"}`;
  return script(`${luaNow}
local out,o={},1
for n,a in ipairs(ARGV) do
local force=string.byte(a)==33
local cost=tonumber(force and string.sub(a,2) or a)
local k=(n-1)*${limits.length}
${
  one
    ? read(limits[0]!, 0)
    : `local pass,states=true,{}
${limits.map((limit, i) => `do\n${read(limit, i)}\nend`).join("\n")}
out[o]=pass and 1 or 0
local take=cost~=0 and (pass or force)
for i=1,${limits.length} do out[o+3*i-2],out[o+3*i-1],out[o+3*i]=states[i](take) end`
}
o=o+${1 + 3 * limits.length}
end
return out`);
}

/** Blocks KEYS[1] for ARGV[1] milliseconds. ARGV[2]: "l" where the state is a list. */
export const blockScript = script(`${luaNow}
local s=string.format('b%.0f',now+ARGV[1]*1000)
if ARGV[2]=='l' then redis.call('DEL',KEYS[1]) redis.call('RPUSH',KEYS[1],s) redis.call('PEXPIRE',KEYS[1],ARGV[1])
else redis.call('SET',KEYS[1],s,'PX',ARGV[1]) end
return 1`);
