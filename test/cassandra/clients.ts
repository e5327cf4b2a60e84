import { Client, policies, types } from "cassandra-driver";

const { loadBalancing, retry } = policies;

/** Hosts and port of a URL of the engine. */
export function contacts(url: string): { readonly hosts: readonly string[]; readonly port: number } {
  const [, hosts = "", port = ""] = /^cassandra:\/\/(?:[^@/]*@)?([^:/]+):(\d+)/.exec(url)!;
  return { hosts: hosts.split(","), port: Number(port) };
}

/** A client that asks these hosts alone, and tries nothing twice. */
export async function clientOf(port: number, ...hosts: readonly string[]): Promise<Client> {
  const points = hosts.map((host) => `${host}:${port}`);
  const client = new Client({
    contactPoints: points,
    localDataCenter: "datacenter1",
    protocolOptions: { port },
    policies: {
      loadBalancing: new loadBalancing.AllowListPolicy(new loadBalancing.RoundRobinPolicy(), points),
      retry: new retry.FallthroughRetryPolicy(),
    },
    queryOptions: { consistency: types.consistencies.one },
  });
  await client.connect();
  return client;
}

/** The code of the error that a request ends with; drivers wrap it where no host is left. */
export async function codeOf(work: Promise<unknown>): Promise<number | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { code, innerErrors } = error as { code?: number; innerErrors?: Record<string, { code?: number }> };
    if (typeof code === "number") return code;
    return Object.values(innerErrors ?? {}).find((each) => typeof each.code === "number")?.code;
  }
}
