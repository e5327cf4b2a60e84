import type { Chooser } from "./chooser.js";

/*
 * Requests of the groups connection, server, scripting, pub/sub and transactions, and the rarer commands and options of
 * the types. Nothing here may depend on chance (SPOP of some), on the clock (XADD with *) or on the process (INFO).
 */

const script = (c: Chooser): string[] => {
  const key = c.any();
  return c.pick<() => string[]>([
    () => ["EVAL", "return {1, 3.99, 'x', false, true, {ok='fine'}, {err='ERR custom'}, nil, 7}", "0"],
    () => ["EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", key, c.value()],
    () => ["EVAL", "return redis.pcall(ARGV[1], KEYS[1], ARGV[2], ARGV[3])", "1", key, "LRANGE", "0", "-1"],
    () => ["EVAL", "return redis.pcall('INCR', KEYS[1])['err']", "1", c.key("l")],
    () => ["EVAL", "return {KEYS, ARGV, #ARGV}", c.pick(["1", "0", "2", "-1", "x"]), key, c.value()],
    () => ["EVAL_RO", "return redis.call('GET', KEYS[1])", "1", c.key("s")],
    () => ["EVAL_RO", "return redis.pcall('SET', KEYS[1], '1')", "1", c.key("s")],
    () => ["EVAL", "return cjson.encode({1, {}, {a=cjson.null}, 1.5, '\\195\\188', true})", "0"],
    () => ["EVAL", "return cjson.decode(ARGV[1])", "0", c.pick(['[1,2.5,"x",null]', '{"a":1}', "[", "1e400"])],
    () => ["EVAL", "return cmsgpack.unpack(cmsgpack.pack({1,'a',{b=true}}))", "0"],
    () => ["EVAL", "return {struct.unpack('>I2bs', struct.pack('>I2bs', 513, -3, 'abc'))}", "0"],
    () => ["EVAL", "return {bit.band(255, 15), bit.tohex(-1), bit.lshift(1, 31), bit.bswap(1)}", "0"],
    () => ["EVAL", "return tostring(tonumber(ARGV[1]))", "0", c.pick(["0x10", "1e15", "1e16", "-0", "3.0", "", "nan"])],
    () => ["EVAL", "return string.format('%5.2f|%x|%q|%s|%d', 3.14159, 255, 'a\\nb', 'z', 42)", "0"],
    () => ["EVAL", "return {string.gsub(ARGV[1], '(%a+)', '<%1>')}", "0", "hello big world 12"],
    () => ["EVAL", "return {string.find(ARGV[1], '%d+', 3)}", "0", "ab12cd345"],
    () => ["EVAL", "redis.setresp(3) return redis.pcall('HGETALL', 'nosuch')", "0"],
    () => ["EVAL", "return redis.sha1hex(ARGV[1])", "0", c.value()],
    () => ["EVAL", "local t = {} for i = 1, 5 do t[i] = i * i end return table.concat(t, ',')", "0"],
    () => ["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"],
    () => ["SCRIPT", "LOAD", "return 1"],
    () => ["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "x"],
    () => ["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
    () => [
      ...["FUNCTION", "LOAD", ...c.pick([[], ["REPLACE"]])],
      `#!lua name=lib${c.int(2)}\nredis.register_function{function_name='f${c.int(2)}', callback=function(k, a) return redis.call('SET', k[1], a[1]) end${c.pick(["", ", flags={'no-writes'}"])}}`,
    ],
    () => [c.pick(["FCALL", "FCALL_RO"]), `f${c.int(2)}`, "1", c.key("s"), c.value()],
    () => ["FUNCTION", "DELETE", `lib${c.int(2)}`],
    () => ["FUNCTION", "FLUSH"],
  ])();
};

const connection = (c: Chooser): string[] =>
  c.pick<() => string[]>([
    () => ["PING"],
    () => ["PING", c.value()],
    () => ["CLIENT", "SETNAME", c.pick(["me", "", "a b"])],
    () => ["CLIENT", "GETNAME"],
    () => ["CLIENT", "SETINFO", c.pick(["lib-name", "lib-ver", "nosuch"]), c.pick(["x", "a b"])],
    () => ["CLIENT", "NO-EVICT", c.pick(["on", "off", "x"])],
    () => ["CLIENT", "NO-TOUCH", c.pick(["on", "off"])],
    () => ["CLIENT", "TRACKINGINFO"],
    () => ["CLIENT", "GETREDIR"],
    () => ["CLIENT", "UNBLOCK", "999999"],
    () => ["CLIENT", "KILL", "ID", "999999999"],
    () => ["SELECT", c.pick(["0", "0", "0", "1", "16", "-1", "x"])],
    () => ["ECHO"],
    () => ["HELLO", c.pick(["1", "4", "x"])],
  ])();

const server = (c: Chooser): string[] =>
  c.pick<() => string[]>([
    () => ["DBSIZE"],
    () => ["SWAPDB", c.pick(["0", "x"]), c.pick(["1", "16"])],
    () => ["FLUSHDB", c.pick(["SYNC", "ASYNC", "x"])],
    () => ["CONFIG", "GET", c.pick(["maxmemory", "hash-max-listpack-*", "notify-keyspace-events", "nosuch"])],
    () => ["CONFIG", "SET", "hash-max-listpack-entries", c.pick(["4", "128"])],
    () => ["CONFIG", "SET", "zset-max-listpack-entries", c.pick(["4", "128"])],
    () => ["CONFIG", "SET", "set-max-intset-entries", c.pick(["3", "512"])],
    () => ["CONFIG", "SET", "nosuch", "1"],
    () => ["COMMAND", "GETKEYS", c.pick(["GET", "MSET", "ZUNIONSTORE", "EVAL"]), "2", "2", "a", "b", "c"],
    () => ["COMMAND", "GETKEYSANDFLAGS", "SET", "a", "b"],
    () => ["OBJECT", "REFCOUNT", c.key("l")],
    () => ["OBJECT", "FREQ", c.key("l")],
    () => ["WAIT", "0", "0"],
    () => ["PUBSUB", c.pick(["CHANNELS", "NUMPAT", "SHARDCHANNELS"])],
    () => ["PUBSUB", "NUMSUB", "ch", "other"],
    () => ["SPUBLISH", "shard", c.value()],
    () => ["PUBLISH", c.pick(["ch", "other"]), c.value()],
    () => ["CLUSTER", c.pick(["KEYSLOT", "NOSUCH"]), c.pick(["{a}b", "abc", "{}x"])],
    () => ["READONLY"],
    () => ["ASKING"],
    () => ["SLOWLOG", "NOSUCH"],
    () => ["MEMORY", "USAGE", "nosuch"],
    () => ["LATENCY", "RESET", "x"],
    () => ["ACL", "WHOAMI"],
  ])();

const keys = (c: Chooser): string[] => {
  const k = c.any();
  return c.pick<() => string[]>([
    () => ["GETEX", c.key("s"), ...c.pick([[], ["PERSIST"], ["EX", "1000"], ["PXAT", "33177117420000"], ["EX", "0"]])],
    () => [
      "SET",
      c.key("s"),
      c.value(),
      ...c.pick([
        ["EXAT", "33177117420"],
        ["XX", "GET"],
        ["NX", "GET"],
        ["EX", "x"],
      ]),
    ],
    () => ["SETEX", c.key("s"), c.pick(["1000", "0", "x"]), c.value()],
    () => ["PSETEX", c.key("s"), c.pick(["1000000", "-5"]), c.value()],
    () => ["SUBSTR", c.key("s"), c.index(), c.index()],
    () => ["BITFIELD_RO", c.key("s"), "GET", c.pick(["u4", "i64", "u64", "x"]), c.pick(["0", "#2", "-1"])],
    () => ["UNLINK", k, c.any()],
    () => ["TOUCH", k, c.any()],
    () => ["EXPIREAT", k, c.pick(["33177117420", "1", "x"]), ...c.pick([[], ["XX"], ["LT"], ["GT", "LT"]])],
    () => ["PEXPIRE", k, c.pick(["100000000", "0", "99999999999999999"])],
    () => ["PEXPIRETIME", c.key("h")],
    () => ["OBJECT", "HELP"],
    () => ["RANDOMKEY", "x"],
    () => ["SCAN", "0", "COUNT", "1000", ...c.pick([[], ["MATCH", "s*"], ["TYPE", "list"], ["TYPE", "nosuch"]])],
    () => ["SCAN", "x"],
    () => ["HSCAN", c.key("h"), "0", "COUNT", "1000", ...c.pick([[], ["MATCH", "f1*"]])],
    () => ["SSCAN", c.key("t"), "0", "COUNT", "1000"],
    () => ["ZSCAN", c.key("z"), "0", "COUNT", "1000", ...c.pick([[], ["MATCH", "m?"]])],
    () => ["EVAL", "return redis.call('RESTORE', KEYS[2], 0, redis.call('DUMP', KEYS[1]), 'REPLACE')", "2", k, c.any()],
    () => ["RESTORE", c.any(), "0", c.pick(["", "rubbish", "\x00\x01a\x0b\x00xxxxxxxx"])],
    () => ["SORT_RO", c.key("l"), "ALPHA", "BY", "nosort"],
    () => ["SORT", c.key("t"), "ALPHA", "GET", "s*", "GET", "h0->f1"],
    () => ["SORT", c.key("z"), "BY", "nosort", ...c.pick([[], ["DESC"], ["LIMIT", "1", "2"]])],
  ])();
};

const collections = (c: Chooser): string[] =>
  c.pick<() => string[]>([
    () => ["BLPOP", c.key("l"), c.key("l"), c.pick(["0.01", "-1", "x"])],
    () => ["BRPOP", c.key("l"), "0.01"],
    () => ["BLMOVE", c.key("l"), c.key("l"), "LEFT", "RIGHT", "0.01"],
    () => ["BRPOPLPUSH", c.key("l"), c.key("l"), "0.01"],
    () => ["BLMPOP", "0.01", "2", c.key("l"), c.key("l"), "RIGHT", "COUNT", "2"],
    () => ["BZPOPMIN", c.key("z"), "0.01"],
    () => ["BZPOPMAX", c.key("z"), c.key("z"), "0.01"],
    () => ["BZMPOP", "0.01", "1", c.key("z"), "MAX"],
    () => ["SPOP", c.key("t"), c.pick(["0", "1000", "-1"])],
    () => ["SRANDMEMBER", c.key("t"), c.pick(["0", "1000"])],
    () => ["HRANDFIELD", c.key("h"), c.pick(["0", "1000"]), ...c.pick([[], ["WITHVALUES"]])],
    () => ["ZRANDMEMBER", c.key("z"), c.pick(["0", "1000"]), ...c.pick([[], ["WITHSCORES"]])],
    () => ["ZRANGESTORE", c.key("z"), c.key("z"), "(1", "5", "BYSCORE", ...c.pick([[], ["REV"], ["LIMIT", "0", "1"]])],
    () => ["ZRANGE", "y0", c.pick(["-", "[m2", "+"]), c.pick(["+", "(m8"]), "BYLEX", ...c.pick([[], ["REV"]])],
    () => ["ZUNION", "2", c.key("z"), c.key("t"), "AGGREGATE", c.pick(["SUM", "MIN", "X"]), "WITHSCORES"],
    () => ["ZINTERSTORE", c.key("z"), "2", c.key("z"), c.key("z"), "WEIGHTS", "1", c.pick(["2", "x", "inf"])],
    () => ["GEOADD", c.key("g"), ...c.pick([[], ["NX"], ["XX", "CH"]]), "13.4", c.pick(["52.5", "91"]), "c1"],
    () => ["GEORADIUS", c.key("g"), "13", "52", c.pick(["500", "5000"]), "km", "WITHDIST", "ASC"],
    () => ["GEORADIUS", c.key("g"), "13", "52", "5000", "km", "COUNT", "2", "ASC", ...c.pick([[], ["STORE", "g2"]])],
    () => ["GEORADIUSBYMEMBER_RO", c.key("g"), "c1", "9000", "km", "ASC"],
    () => [
      "GEOSEARCHSTORE",
      c.key("g"),
      c.key("g"),
      "FROMLONLAT",
      "0",
      "0",
      "BYBOX",
      "9000",
      "9000",
      "km",
      "STOREDIST",
    ],
    () => ["PFDEBUG", "NOSUCH", c.key("p")],
  ])();

const streams = (c: Chooser): string[] => {
  const k = c.key("x");
  const g = c.pick(["g1", "g2"]);
  return c.pick<() => string[]>([
    () => ["XADD", k, "MINID", "~", "20", "LIMIT", "0", `${60 + c.int(40)}-${c.int(3)}`, "f", c.value()],
    () => ["XADD", k, "MAXLEN", c.pick(["-1", "x"]), "99-99", "f", "v"],
    () => ["XTRIM", k, "MINID", c.pick(["=", "~"]), c.pick(["10", "30-1"])],
    () => ["XRANGE", k, `(${c.id()}`, "+", "COUNT", c.pick(["1", "0", "-1"])],
    () => ["XREVRANGE", k, "+", "-", "COUNT", "2"],
    () => ["XREAD", "STREAMS", k, c.key("x"), "0", c.pick(["$", "3", "x"])],
    () => ["XREAD", "BLOCK", "5", "STREAMS", k, "$"],
    () => ["XREADGROUP", "GROUP", g, "c1", "STREAMS", k, c.key("x"), ">", "0"],
    () => ["XREADGROUP", "GROUP", g, "c1", "BLOCK", "5", "COUNT", "1", "STREAMS", k, ">"],
    () => ["XCLAIM", k, g, "c2", "0", c.id(), c.id(), "IDLE", "0", "RETRYCOUNT", "7", "FORCE", "JUSTID"],
    () => ["XCLAIM", k, g, "c1", "0", c.id(), "LASTID", "40-0"],
    () => ["XAUTOCLAIM", k, g, "c1", c.pick(["0", "x"]), c.pick(["0-0", "5", "-"]), "COUNT", c.pick(["1", "0"])],
    () => ["XPENDING", k, g, "IDLE", "99999999", "-", "+", "10"],
    () => ["XGROUP", "CREATE", k, g, "0", "ENTRIESREAD", c.pick(["0", "-1", "-2"])],
    () => ["XSETID", k, "99-99", "ENTRIESADDED", "200", "MAXDELETEDID", c.pick(["5-0", "99-99", "100-0"])],
    () => ["XINFO", "STREAM", k],
    () => ["XINFO", "NOSUCH", k],
  ])();
};

/** A request of what {@link RandomCommands} has not. */
export function rareCommand(c: Chooser): string[] {
  return c.pick([script, connection, server, keys, collections, streams])(c);
}
