import { type BatchScript, batchScript } from "../redis/batch.js";
import { luaNow, script } from "../redis/script.js";
import type { Limit } from "./limits.js";

/**
 * One script for all limits of a limiter, its numbers written into it. It reads every limit of a call first and charges
 * them only when each has room, so a refused call costs nothing anywhere.
 *
 * K1 to Kn are the limits' keys. A1 is the cost, with "!" before it to charge in any case, with "?" to charge
 * nothing. Reply: 1 or 0,
 * then per limit what is left, and the microseconds until it is whole again and until this call may pass.
 */
export function limitScript(limits: readonly Limit[]): BatchScript {
  const one = limits.length === 1;
  const read = ({ check, charge }: Limit, i: number) => `do
local K=K${i + 1}
local ok,left,reset,retry,blockUntil=true,0,0,0
${check}
if blockUntil and blockUntil>now then ok=false left=0 reset=blockUntil-now retry=reset else blockUntil=nil end
${one ? "" : `pass=pass and ok\nstates[${i + 1}]=function(take)`}
if ${one ? "(ok or force) and not look" : "take"} and not blockUntil then
${charge}
end
if ok then retry=0 end
if left<0 then left=0 end
${one ? "return {ok and 1 or 0,left,reset,retry}" : "return left,reset,retry end"}
end`;
  return batchScript(
    // A broken connection is an outage: who asks again may be charged again.
    { keys: limits.length, args: 1, repeatable: false, head: `${luaNow} local format=string.format` },
    `local mark=string.byte(A1)
local force,look=mark==33,mark==63
local cost=tonumber((force or look) and string.sub(A1,2) or A1)
local pass,states=true,{}
${limits.map(read).join("\n")}
${
  one
    ? ""
    : `local take=(pass or force) and not look
local out={pass and 1 or 0}
for i=1,${limits.length} do out[3*i-1],out[3*i],out[3*i+1]=states[i](take) end
return out`
}`,
  );
}

/** Blocks KEYS[1] for ARGV[1] milliseconds. ARGV[2]: "l" where the state is a list. */
export const blockScript = script(`${luaNow}
local s=string.format('b%d',now+ARGV[1]*1000)
if ARGV[2]=='l' then redis.call('DEL',KEYS[1]) redis.call('RPUSH',KEYS[1],s) redis.call('PEXPIRE',KEYS[1],ARGV[1])
else redis.call('SET',KEYS[1],s,'PX',ARGV[1]) end
return 1`);
