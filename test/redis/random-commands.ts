import { Chooser } from "./chooser.js";

export { seeded } from "./chooser.js";

/** Makes random requests of all groups over a few keys; nothing whose answer is a matter of chance or of the clock. */
export class RandomCommands extends Chooser {
  #strings(): string[] {
    const k = this.key("s");
    const v = (): string => this.value();
    return this.pick<() => string[]>([
      () => ["SET", k, v()],
      () => ["SET", k, v(), this.pick(["NX", "XX", "GET", "KEEPTTL", "BOGUS"])],
      () => ["SET", k, v(), "PX", this.pick(["100000", "0", "-1", "x"])],
      () => ["GET", k],
      () => ["GETDEL", k],
      () => ["GETSET", k, v()],
      () => ["SETNX", k, v()],
      () => ["MSET", k, v(), this.key("s"), v()],
      () => ["MSETNX", k, v(), this.key("s"), v()],
      () => ["MGET", k, this.key("s"), this.key("l")],
      () => ["APPEND", k, v()],
      () => ["STRLEN", k],
      () => ["INCR", k],
      () => ["DECRBY", k, v()],
      () => ["INCRBY", k, this.pick(["1", "-3", "9223372036854775807", "x", "100"])],
      () => ["INCRBYFLOAT", k, this.pick(["0.1", "0.2", "-1.5", "3", "1e2", "x", "5.0e3"])],
      () => ["SETRANGE", k, this.pick(["0", "3", "20", "-1"]), v()],
      () => ["GETRANGE", k, this.index(), this.index()],
      () => ["SETBIT", k, String(this.int(80)), this.pick(["0", "1", "2"])],
      () => ["GETBIT", k, String(this.int(80))],
      () => ["BITCOUNT", k],
      () => ["BITCOUNT", k, this.index(), this.index(), this.pick(["BIT", "BYTE"])],
      () => ["BITPOS", k, this.pick(["0", "1"]), this.index(), this.index()],
      () => ["BITPOS", k, this.pick(["0", "1"]), this.index(), this.index(), "BIT"],
      () => ["BITOP", this.pick(["AND", "OR", "XOR", "NOT"]), this.key("s"), ...this.some(() => this.key("s"), 2)],
      () => [
        "BITFIELD",
        k,
        "OVERFLOW",
        this.pick(["WRAP", "SAT", "FAIL"]),
        this.pick(["SET", "INCRBY"]),
        this.pick(["u8", "i5", "u2", "i64", "u63", "i8"]),
        this.pick(["0", "3", "#1"]),
        this.pick(["1", "-7", "200", "9223372036854775807"]),
        "GET",
        "i16",
        "2",
      ],
      () => [
        "LCS",
        k,
        this.key("s"),
        ...this.pick([[], ["LEN"], ["IDX"], ["IDX", "MINMATCHLEN", "2", "WITHMATCHLEN"]]),
      ],
    ])();
  }

  #lists(): string[] {
    const k = this.key("l");
    return this.pick<() => string[]>([
      () => [this.pick(["LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]), k, ...this.some(() => this.value())],
      () => [this.pick(["LPOP", "RPOP"]), k],
      () => [this.pick(["LPOP", "RPOP"]), k, String(this.int(4) - 1)],
      () => ["LLEN", k],
      () => ["LRANGE", k, this.index(), this.index()],
      () => ["LINDEX", k, this.index()],
      () => ["LSET", k, this.index(), this.value()],
      () => ["LTRIM", k, this.index(), this.index()],
      () => ["LREM", k, this.pick(["0", "1", "-2"]), this.value()],
      () => ["LINSERT", k, this.pick(["BEFORE", "AFTER", "BOGUS"]), this.value(), this.value()],
      () => ["LPOS", k, this.value(), ...this.pick([[], ["RANK", "-1"], ["COUNT", "0"], ["RANK", "2", "MAXLEN", "3"]])],
      () => ["LMOVE", k, this.key("l"), this.pick(["LEFT", "RIGHT"]), this.pick(["LEFT", "RIGHT", "UP"])],
      () => ["RPOPLPUSH", k, this.key("l")],
      () => ["LMPOP", this.pick(["2", "0", "9"]), k, this.key("l"), this.pick(["LEFT", "RIGHT"]), "COUNT", "2"],
      () => ["SORT", k, ...this.pick([[], ["ALPHA"], ["ALPHA", "DESC", "LIMIT", "1", "3"], ["BY", "s*", "GET", "#"]])],
      () => ["SORT", k, "ALPHA", "STORE", this.key("l")],
    ])();
  }

  #hashes(): string[] {
    const k = this.key("h");
    const f = (): string => `f${this.int(8)}`;
    return this.pick<() => string[]>([
      () => ["HSET", k, f(), this.value(), f(), this.value()],
      () => ["HMSET", k, f(), this.value()],
      () => ["HSETNX", k, f(), this.value()],
      () => ["HGET", k, f()],
      () => ["HMGET", k, f(), f()],
      () => ["HDEL", k, ...this.some(f)],
      () => ["HGETALL", k],
      () => ["HKEYS", k],
      () => ["HVALS", k],
      () => ["HLEN", k],
      () => ["HEXISTS", k, f()],
      () => ["HSTRLEN", k, f()],
      () => ["HINCRBY", k, f(), this.pick(["1", "-9223372036854775808", "x"])],
      () => ["HINCRBYFLOAT", k, f(), this.pick(["0.1", "2.5", "x", "inf"])],
      () => ["HSET", k, f()],
    ])();
  }

  #sets(): string[] {
    const k = this.key("t");
    return this.pick<() => string[]>([
      () => ["SADD", k, ...this.some(() => this.value())],
      () => ["SREM", k, ...this.some(() => this.value())],
      () => ["SMOVE", k, this.key("t"), this.value()],
      () => ["SISMEMBER", k, this.value()],
      () => ["SMISMEMBER", k, this.value(), this.value()],
      () => ["SCARD", k],
      () => ["SMEMBERS", k],
      () => [this.pick(["SINTER", "SUNION", "SDIFF"]), k, this.key("t")],
      () => [this.pick(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), this.key("t"), k, this.key("t")],
      () => ["SINTERCARD", "2", k, this.key("t"), "LIMIT", this.pick(["0", "1", "-1"])],
    ])();
  }

  #sorted(): string[] {
    const k = this.key("z");
    const y = `y${this.int(2)}`;
    const m = (): string => `m${this.int(10)}`;
    const bound = (): string => this.pick(["-", "+", "[m3", "(m5", "m", "[", "(m9"]);
    return this.pick<() => string[]>([
      () => ["ZADD", k, this.score(), m(), this.score(), m()],
      () => ["ZADD", k, ...this.some(() => this.pick(["NX", "XX", "GT", "LT", "CH", "INCR"]), 2), this.score(), m()],
      () => ["ZINCRBY", k, this.score(), m()],
      () => ["ZREM", k, ...this.some(m)],
      () => ["ZSCORE", k, m()],
      () => ["ZMSCORE", k, m(), m()],
      () => [this.pick(["ZRANK", "ZREVRANK"]), k, m(), ...this.pick([[], ["WITHSCORE"]])],
      () => ["ZCARD", k],
      () => ["ZCOUNT", k, this.score(), this.score()],
      // By bytes only among equal scores, as the manual asks.
      () => ["ZADD", y, "0", m(), "0", m()],
      () => ["ZLEXCOUNT", y, bound(), bound()],
      () => [this.pick(["ZRANGE", "ZREVRANGE"]), k, this.index(), this.index(), ...this.pick([[], ["WITHSCORES"]])],
      () => [
        this.pick(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]),
        k,
        this.score(),
        this.score(),
        ...this.pick([[], ["WITHSCORES"], ["LIMIT", "1", "2"], ["LIMIT", "-1", "2"]]),
      ],
      () => [this.pick(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), y, bound(), bound()],
      () => ["ZRANGE", k, this.score(), this.score(), "BYSCORE", ...this.pick([[], ["REV"], ["LIMIT", "0", "2"]])],
      () => ["ZRANGESTORE", this.key("z"), k, this.index(), this.index()],
      () => ["ZREMRANGEBYSCORE", k, this.score(), this.score()],
      () => ["ZREMRANGEBYRANK", k, this.index(), this.index()],
      () => ["ZREMRANGEBYLEX", y, bound(), bound()],
      () => [this.pick(["ZPOPMIN", "ZPOPMAX"]), k, ...this.pick([[], ["2"], ["0"]])],
      () => ["ZMPOP", "2", k, this.key("z"), this.pick(["MIN", "MAX"]), "COUNT", "2"],
      () => [
        this.pick(["ZUNION", "ZINTER"]),
        "2",
        k,
        this.key("z"),
        ...this.pick([[], ["WITHSCORES"], ["WEIGHTS", "2", "0.5", "WITHSCORES"], ["AGGREGATE", "MAX", "WITHSCORES"]]),
      ],
      () => ["ZDIFF", "2", k, this.key("z"), "WITHSCORES"],
      () => [this.pick(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]), this.key("z"), "2", k, this.key("t")],
      () => ["ZINTERCARD", "2", k, this.key("z")],
    ])();
  }

  #streams(): string[] {
    const k = this.key("x");
    const g = (): string => this.pick(["g1", "g2"]);
    return this.pick<() => string[]>([
      () => ["XADD", k, `${this.int(60)}-${this.pick(["*", "1", "2"])}`, "f", this.value()],
      () => ["XADD", k, "MAXLEN", this.pick(["=", "~"]), "4", `${50 + this.int(50)}-*`, "f", "v", "g", "w"],
      () => ["XADD", k, "NOMKSTREAM", this.id(), "f"],
      () => ["XLEN", k],
      () => ["XRANGE", k, this.id(), this.id(), ...this.pick([[], ["COUNT", "2"]])],
      () => ["XREVRANGE", k, this.id(), this.id()],
      () => ["XDEL", k, this.id()],
      () => ["XTRIM", k, this.pick(["MAXLEN", "MINID"]), this.pick(["2", "3", "40"])],
      () => ["XREAD", "COUNT", "2", "STREAMS", k, this.pick(["0", "5-1", "$"])],
      () => ["XGROUP", "CREATE", k, g(), this.pick(["0", "$", "5"]), ...this.pick([[], ["MKSTREAM"]])],
      () => ["XGROUP", "DESTROY", k, g()],
      () => ["XGROUP", "SETID", k, g(), this.pick(["0", "$"])],
      () => ["XGROUP", "CREATECONSUMER", k, g(), "c1"],
      () => ["XGROUP", "DELCONSUMER", k, g(), this.pick(["c1", "c2"])],
      () => [
        "XREADGROUP",
        "GROUP",
        g(),
        this.pick(["c1", "c2"]),
        "COUNT",
        "2",
        "STREAMS",
        k,
        this.pick([">", "0", "5"]),
      ],
      () => ["XREADGROUP", "GROUP", g(), "c1", "NOACK", "STREAMS", k, ">"],
      () => ["XACK", k, g(), this.id(), this.id()],
      () => ["XPENDING", k, g()],
      () => ["XCLAIM", k, g(), this.pick(["c1", "c2"]), "0", this.id(), ...this.pick([[], ["JUSTID"], ["FORCE"]])],
      () => ["XAUTOCLAIM", k, g(), "c2", "0", "0", "COUNT", "2", ...this.pick([[], ["JUSTID"]])],
      () => ["XINFO", "GROUPS", k],
      () => ["XSETID", k, this.id()],
    ])();
  }

  #others(): string[] {
    const any = (): string => this.any();
    const p = this.key("p");
    const g = this.key("g");
    return this.pick<() => string[]>([
      () => ["DEL", any(), any()],
      () => ["EXISTS", any(), any()],
      () => ["TYPE", any()],
      () => ["RENAME", any(), any()],
      () => ["RENAMENX", any(), any()],
      () => ["COPY", any(), any(), ...this.pick([[], ["REPLACE"], ["DB", "1"]])],
      () => ["MOVE", any(), "1"],
      () => ["PERSIST", any()],
      () => [
        "EXPIRE",
        any(),
        this.pick(["1000", "-1", "x", "9223372036854775807"]),
        ...this.pick([[], ["NX"], ["GT"]]),
      ],
      () => ["TTL", any()],
      () => ["EXPIRETIME", this.key("s")],
      () => ["PEXPIREAT", any(), "33177117420000"],
      () => ["OBJECT", "ENCODING", any()],
      () => ["DBSIZE"],
      () => ["KEYS", this.pick(["*", "s*", "?1", "[hl]*", "x"])],
      () => ["PFADD", p, ...this.some(() => `e${this.int(500)}`, 20)],
      () => ["PFCOUNT", p, ...this.pick([[], [this.key("p")]])],
      () => ["PFMERGE", p, this.key("p")],
      () => ["GET", p],
      () => ["GEOADD", g, String(this.random() * 360 - 180), String(this.random() * 170 - 85), `c${this.int(8)}`],
      () => ["GEOPOS", g, "c1", "c2", "none"],
      () => ["GEODIST", g, "c1", "c2", this.pick(["m", "km", "ft", "yd"])],
      () => ["GEOHASH", g, "c1", "c3"],
      () => [
        "GEOSEARCH",
        g,
        "FROMLONLAT",
        "10",
        "20",
        "BYRADIUS",
        "6000",
        "km",
        "ASC",
        "WITHDIST",
        "WITHCOORD",
        "WITHHASH",
      ],
      () => ["GEOSEARCH", g, "FROMMEMBER", "c1", "BYBOX", "4000", "8000", "km", "DESC"],
      () => ["PUBLISH", "ch", "x"],
      () => ["ECHO", this.value()],
      () => ["NOSUCH", "a", "b"],
      () => ["GET"],
      () => ["OBJECT", "NOSUCH", "a"],
    ])();
  }

  /** The next request. */
  next(): string[] {
    const of = this.int(8);
    if (of === 0) return this.#strings();
    if (of === 1) return this.#lists();
    if (of === 2) return this.#hashes();
    if (of === 3) return this.#sets();
    if (of === 4) return this.#sorted();
    if (of === 5) return this.#streams();
    if (of === 6) return this.#others();
    return this.pick([() => this.#strings(), () => this.#sorted(), () => this.#streams()])();
  }

  /** How many requests go in one piece, and whether they are a transaction. */
  shape(): { count: number; transaction: boolean } {
    return { count: 1 + this.int(8), transaction: this.random() < 0.15 };
  }
}
