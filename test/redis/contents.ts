import type { RespClient, WireReply } from "./resp-client.js";

const ask: Record<string, (key: string) => readonly string[]> = {
  string: (key) => ["GET", key],
  list: (key) => ["LRANGE", key, "0", "-1"],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
  hash: (key) => ["HGETALL", key],
  stream: (key) => ["XRANGE", key, "-", "+"],
};

/** All data of some databases as a server shows it to a RESP2 client. */
export async function contents(client: RespClient, databases: readonly string[]): Promise<Record<string, WireReply>> {
  const out: Record<string, WireReply> = {};
  for (const db of databases) {
    await client.send("SELECT", db);
    const keys = ((await client.send("KEYS", "*")) as WireReply[]).slice(1).map((key) => String(key).slice(1));
    for (const key of keys.sort()) {
      const type = String(await client.send("TYPE", key)).slice(1);
      let value = await client.send(...ask[type]!(key));
      if (type === "set") value = (value as WireReply[]).slice(1).map(String).sort();
      if (type === "hash") {
        const flat = (value as WireReply[]).slice(1);
        value = flat.flatMap((field, i) => (i % 2 === 0 ? [`${String(field)} ${String(flat[i + 1])}`] : [])).sort();
      }
      // Redis 7.0 shows 17 digits of a score.
      if (type === "zset") {
        value = (value as WireReply[])
          .slice(1)
          .map((one, i) => (i % 2 === 1 ? `$${Number(String(one).slice(1))}` : one));
      }
      out[`${db} ${key} ${type}`] = [value, await client.send("PEXPIRETIME", key)];
      if (type !== "stream") continue;
      const groups = (await client.send("XINFO", "GROUPS", key)) as WireReply[];
      out[`${db} ${key} groups`] = groups;
      for (const group of groups.slice(1) as WireReply[][]) {
        const name = String(group[group.indexOf("$name") + 1]).slice(1);
        const pending = await client.send("XPENDING", key, name, "-", "+", "1000");
        // How long ago an entry was handed out depends on when it is asked.
        out[`${db} ${key} pending ${name}`] = (pending as WireReply[])
          .slice(1)
          .map((one) => (one as WireReply[]).filter((_, i) => i !== 3));
      }
    }
  }
  return out;
}
