import { luaNow, type Script, script } from "../redis/script.js";
import type { Limit } from "./limits.js";

/**
 * One script for all limits of a limiter, its numbers written into it. It reads every limit first and charges them only
 * when each has room, so a refused call costs nothing anywhere.
 *
 * KEYS: one per limit. ARGV: cost (0 only looks); "1" to charge in any case.
 * Reply: 1 or 0, then per limit what is left, and the microseconds until it is whole again and until this call may pass.
 */
export function limitScript(limits: readonly Limit[]): Script {
  const read = limits.map(
    ({ check, charge }, i) => `do
local K,ok,left,reset,retry,blockUntil=KEYS[${i + 1}],true,0,0,0
${check}
if blockUntil and blockUntil>now then ok=false left=0 reset=blockUntil-now retry=reset end
pass=pass and ok
state[${i + 1}]=function()
if take and not(blockUntil and blockUntil>now) then
${charge}
end
if ok then retry=0 end
if left<0 then left=0 end
return left,reset,retry end
end`,
  );
  return script(`${luaNow}
local cost=tonumber(ARGV[1])
local pass,take,state=true,false,{}
${read.join("\n")}
take=cost~=0 and (pass or ARGV[2]=='1')
local out={pass and 1 or 0}
for i=1,${limits.length} do
local left,reset,retry=state[i]()
out[#out+1]=left out[#out+1]=reset out[#out+1]=retry
end
return out`);
}

/** Blocks KEYS[1] for ARGV[1] milliseconds. ARGV[2]: "l" where the state is a list. */
export const blockScript = script(`${luaNow}
local s=string.format('b%.0f',now+ARGV[1]*1000)
if ARGV[2]=='l' then redis.call('DEL',KEYS[1]) redis.call('RPUSH',KEYS[1],s) redis.call('PEXPIRE',KEYS[1],ARGV[1])
else redis.call('SET',KEYS[1],s,'PX',ARGV[1]) end
return 1`);
