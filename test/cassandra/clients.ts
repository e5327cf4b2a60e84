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

/** What a server says when it fails; which fields are there depends on the code. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly consistencies?: number;
  readonly required?: number;
  readonly alive?: number;
}

/** The server's error that a request ends with, which the driver wraps where no host is left; undefined without one. */
export async function failureOf(work: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { innerErrors = {} } = error as { innerErrors?: Record<string, unknown> };
    return [error, ...Object.values(innerErrors)].find(
      (each): each is Failure => typeof (each as Partial<Failure>).code === "number",
    );
  }
}

/** The code of the error that a request ends with. */
export async function codeOf(work: Promise<unknown>): Promise<number | undefined> {
  return (await failureOf(work))?.code;
}
