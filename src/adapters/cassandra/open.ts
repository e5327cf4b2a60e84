import { auth, Client, type ClientOptions, policies } from "cassandra-driver";
import { KeyfoldError } from "../../internal/errors.js";

/** What `open` gives: a client, and the keyspace that the URL names. */
export interface OpenedKeyspace {
  readonly client: Client;
  readonly keyspace: string;
}

/** Waits of the driver before it connects to a node that went away again. */
const RECONNECT_MS = { base: 250, max: 15_000 };

/**
 * A client of cassandra-driver, set up as keyfold wants it: no retries of its own, since keyfold sends requests again
 * itself; token-aware, so that each goes to a replica; few connections. It connects with its first request. Shut it down
 * yourself.
 *
 * @param url `cassandra://user:password@host1,host2:9042/keyspace?dc=datacenter1`, or `scylladb://…`; `dc` is
 * `datacenter1` when left out, `tls=true` for TLS with a server whose certificate is checked.
 * @param options what the driver's client takes; wins over the URL: `sslOptions: { ca }` trusts an authority of your own.
 * @throws KeyfoldError `INPUT_INVALID` when the URL is wrong.
 *
 * @example
 * ```ts
 * const { client, keyspace } = open(process.env.CASSANDRA_URL ?? "cassandra://127.0.0.1:9042/shop?dc=datacenter1");
 * const shop = connect(model, cassandra(client, { keyspace }));
 * await client.shutdown();
 * ```
 */
export function open(url: string, options: Partial<ClientOptions> = {}): OpenedKeyspace {
  const { hosts, keyspace, datacenter, user, password, tls, port } = parseUrl(url);
  const { loadBalancing, reconnection, retry } = policies;
  const client = new Client({
    contactPoints: hosts,
    localDataCenter: datacenter,
    protocolOptions: { port },
    ...(user === "" ? {} : { authProvider: new auth.PlainTextAuthProvider(user, password) }),
    ...(tls ? { sslOptions: { rejectUnauthorized: true } } : {}),
    policies: {
      loadBalancing: new loadBalancing.TokenAwarePolicy(new loadBalancing.DCAwareRoundRobinPolicy(datacenter)),
      reconnection: new reconnection.ExponentialReconnectionPolicy(RECONNECT_MS.base, RECONNECT_MS.max),
      retry: new retry.FallthroughRetryPolicy(),
    },
    ...options,
  });
  return { client, keyspace };
}

/** The parts of a URL of one or several hosts, which the standard's parser does not know. */
function parseUrl(url: string) {
  const parts = /^(?:cassandra|scylladb):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?#]+)(?:\/([^?#]*))?(?:\?(.*))?$/.exec(
    url,
  );
  if (parts === null) throw unusable("it does not begin with cassandra:// or scylladb://, or names no host");
  const [, user = "", password = "", places = "", path = "", search = ""] = parts;
  const query = new URLSearchParams(search);
  for (const name of query.keys()) {
    if (name !== "dc" && name !== "tls") throw unusable(`it has the unknown option ${name}`);
  }
  const tls = query.get("tls") ?? "false";
  if (tls !== "true" && tls !== "false") throw unusable(`its tls is ${tls}, and neither true nor false`);
  const keyspace = decoded(path);
  if (!/^[A-Za-z]\w{0,47}$/.test(keyspace)) throw unusable("its path is not the name of a keyspace");
  const named = places.split(",").map((place) => /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(place));
  // The last port stands for hosts that name none: host1,host2:9042.
  const port = Number(named.at(-1)?.[2] ?? 9_042);
  const hosts = named.map((place) => {
    if (place === null) throw unusable("a host in it is none");
    return `${place[1]}:${place[2] ?? port}`;
  });
  return {
    hosts,
    keyspace,
    port,
    datacenter: query.get("dc") ?? "datacenter1",
    tls: tls === "true",
    user: decoded(user),
    password: decoded(password),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable("it is not encoded as a URL");
  }
}

function unusable(why: string): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `This is not a usable URL of Cassandra or ScyllaDB: ${why}.`, {
    fix: "Write it as cassandra://127.0.0.1:9042/shop?dc=datacenter1; several hosts with commas between them.",
  });
}
