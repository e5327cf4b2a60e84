import { KeyfoldError } from "../../internal/errors.js";
import { checkWhole } from "../redis/keys.js";

/** How many calls a limit lets through, and how it counts them. */
export interface Limit {
  readonly kind: "fixed-window" | "sliding-window" | "sliding-log" | "token-bucket";
  /** What headers and results call it. */
  readonly name: string;
  /** Calls per window. */
  readonly limit: number;
  readonly windowMs: number;
  /** The largest cost that one call can have. */
  readonly maxCost: number;
  /** The most that it can ever admit within any span of `windowMs`, whatever the callers do. */
  readonly worstInWindow: number;
  /** Ends the key, so that two ways of counting never read each other's state. */
  readonly mark: string;
  /** Lua that reads the state in KEYS[i] and sets ok, left, reset, retry. */
  readonly check: string;
  /** Lua that charges `cost`. */
  readonly charge: string;
}

/** What every limit takes. */
export interface LimitOptions {
  /** Calls per window. */
  readonly limit: number;
  /** Length of the window in milliseconds. */
  readonly windowMs: number;
  /** What headers and results call it. Default "default". */
  readonly name?: string;
}

interface Checked {
  readonly limit: number;
  readonly windowMs: number;
  readonly name: string;
}

function checked({ limit, windowMs, name = "default" }: LimitOptions): Checked {
  checkWhole(limit, "limit");
  checkWhole(windowMs, "windowMs");
  if (!/^[\x20-\x7e]+$/.test(name)) throw new KeyfoldError("INPUT_INVALID", "A limit's name is printable ASCII.");
  return { limit, windowMs, name };
}

/** A state that begins with b says until when its key is blocked. */
const blocked = "if s and string.byte(s)==98 then blockUntil=tonumber(string.sub(s,2)) s=false end";

/**
 * Counts calls in a window that begins with the first of them. The cheapest to compute. Worst case: twice the limit
 * within one window's length, when callers come at the end of one window and the beginning of the next.
 *
 * @example
 * ```ts
 * const limiter = rateLimit(redis, { prefix: "login", limit: fixedWindow({ limit: 5, windowMs: 60_000 }) });
 * ```
 */
export function fixedWindow(options: LimitOptions): Limit {
  const { limit, windowMs, name } = checked(options);
  const window = windowMs * 1000;
  return {
    kind: "fixed-window",
    ...{ name, limit, windowMs },
    maxCost: limit,
    worstInWindow: 2 * limit,
    mark: "f",
    check: `local s=call('GET',K) ${blocked}
local used,from=0,now
if s then
local p=string.find(s,' ',1,true)
from=tonumber(string.sub(s,p+1))
if from+${window}>now then used=tonumber(string.sub(s,1,p-1)) if from>now then from=now end else from=now end
end
left=${limit}-used ok=left>=cost retry=from+${window}-now reset=used>0 and retry or 0`,
    charge: `used=used+cost if used<0 then used=0 end left=${limit}-used reset=retry
call('SET',K,format('%d %d',used,from),'PX',math.ceil((from+${window}-now)/1000))`,
  };
}

/**
 * Counts calls in a window that moves on in `buckets` steps; the oldest bucket counts in full until it is wholly out of
 * the window. Worst case: the limit, exactly; the price is that a steady caller gets up to one part in `buckets` less.
 *
 * @param options `buckets`: steps per window, default 10
 * @example
 * ```ts
 * const limiter = rateLimit(redis, { prefix: "api", limit: slidingWindow({ limit: 100, windowMs: 60_000 }) });
 * ```
 */
export function slidingWindow(options: LimitOptions & { readonly buckets?: number }): Limit {
  const { limit, windowMs, name } = checked(options);
  const buckets = checkWhole(options.buckets ?? 10, "buckets");
  const width = Math.ceil((windowMs * 1000) / buckets);
  return {
    kind: "sliding-window",
    ...{ name, limit, windowMs },
    maxCost: limit,
    worstInWindow: limit,
    mark: "w",
    // The state: number of the newest bucket, calls in all of them, in the newest, and in the older ones, newest first.
    check: `local s=call('GET',K) ${blocked}
local n=math.floor(now/${width})
local used,newest,older=0,0,''
if s then
local at
at,used,newest,older=string.match(s,'^(%d+) (%d+) (%d+)(.*)$')
at,used,newest=tonumber(at),tonumber(used),tonumber(newest)
if at>n then n=at end
local i=n-at
if i>0 then
local list,sum={},0
for j=1,i<=${buckets} and i-1 or 0 do list[j]=0 end
for v in string.gmatch(newest..older,'%d+') do
if i>${buckets} then break end
list[i]=v sum=sum+v i=i+1
end
used,newest,older=sum,0,#list>0 and ' '..table.concat(list,' ') or ''
end
end
left=${limit}-used ok=left>=cost
if ok and newest>0 then reset=(n+${buckets + 1})*${width}-now
elseif used>0 then
local list={newest}
for v in string.gmatch(older,'%d+') do list[#list+1]=tonumber(v) end
local free=left
for i=#list,1,-1 do
if list[i]>0 then
free=free+list[i]
reset=(n+${buckets + 2}-i)*${width}-now
if retry==0 and free>=cost then retry=reset end
end
end
end`,
    // What is given back comes out of the newest bucket, then out of those before it.
    charge: `local add=math.max(cost,-newest)
newest=newest+add
if add>cost then
local list={}
for v in string.gmatch(older,'%d+') do
local less=math.max(cost-add,-v)
add=add+less list[#list+1]=v+less
end
older=#list>0 and ' '..table.concat(list,' ') or ''
end
left=left-add
if cost>0 then reset=(n+${buckets + 1})*${width}-now end
call('SET',K,format('%d %d %d',n,used+add,newest)..older,'PX',${Math.ceil(((buckets + 1) * width) / 1000)})`,
  };
}

/**
 * Remembers the time of every call. Worst case: the limit, exactly, and nothing is refused that would fit; the price is
 * memory for each call in the window.
 *
 * @example
 * ```ts
 * const limiter = rateLimit(redis, { prefix: "sms", limit: slidingLog({ limit: 3, windowMs: 3_600_000 }) });
 * ```
 */
export function slidingLog(options: LimitOptions): Limit {
  const { limit, windowMs, name } = checked(options);
  const window = windowMs * 1000;
  return {
    kind: "sliding-log",
    ...{ name, limit, windowMs },
    maxCost: limit,
    worstInWindow: limit,
    mark: "l",
    check: `local s=call('LINDEX',K,0)
while s and string.byte(s)~=98 and tonumber(s)<=now-${window} do
call('LPOP',K) s=call('LINDEX',K,0)
end
${blocked}
local used,at=0,now
if s then
used=call('LLEN',K)
local last=tonumber(call('LINDEX',K,-1))
if last>at then at=last end
reset=last+${window}-now
local i=used+cost-${limit}-1
if i>=0 then retry=tonumber(call('LINDEX',K,i<used and i or used-1))+${window}-now end
end
left=${limit}-used ok=left>=cost`,
    charge: `for i=1,cost do call('RPUSH',K,format('%d',at)) end
for i=1,-cost do call('RPOP',K) end
left=left-cost if left>${limit} then left=${limit} end
if cost>0 then reset=at+${window}-now call('PEXPIRE',K,math.ceil(reset/1000)) end`,
  };
}

/**
 * A bucket of `burst` tokens that fills at `limit` per window, kept as one number (GCRA). Worst case: `burst + limit`
 * within one window's length; with a burst well under the limit, hardly more than the limit.
 *
 * @param options `burst`: calls that may come at once after a pause, default `limit`
 * @see https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 * @example
 * ```ts
 * const limiter = rateLimit(redis, { prefix: "api", limit: tokenBucket({ limit: 100, windowMs: 1_000, burst: 10 }) });
 * ```
 */
export function tokenBucket(options: LimitOptions & { readonly burst?: number }): Limit {
  const { limit, windowMs, name } = checked(options);
  const burst = checkWhole(options.burst ?? limit, "burst");
  // Whole microseconds, rounded up: the rate is never above what was asked for.
  const interval = Math.ceil((windowMs * 1000) / limit);
  return {
    kind: "token-bucket",
    ...{ name, limit, windowMs },
    maxCost: burst,
    worstInWindow: burst + limit,
    mark: "t",
    check: `local s=call('GET',K) ${blocked}
local tat=s and tonumber(s) or now
if tat<now then tat=now end
local over=tat-now+cost*${interval}-${burst * interval}
ok=over<=0 left=math.floor((${burst * interval}-tat+now)/${interval}) reset=tat-now retry=over`,
    charge: `tat=tat+cost*${interval} if tat<now then tat=now end
left=math.floor((${burst * interval}-tat+now)/${interval}) reset=tat-now
if reset>0 then call('SET',K,format('%d',tat),'PX',math.ceil(reset/1000)) else call('DEL',K) end`,
  };
}
