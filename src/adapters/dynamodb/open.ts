import { DynamoDBClient, type DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import { KeyfoldError } from "../../internal/errors.js";

/** What `open` gives: a client, and the table that the URL names. */
export interface OpenedTable {
  readonly client: DynamoDBClient;
  readonly table: string;
}

/**
 * A client of the AWS SDK, set up as keyfold wants it: one attempt for each request, since keyfold sends requests again
 * itself, within the call's deadline and a budget. Credentials come from the URL where it has them, else from the SDK's
 * own chain (environment, profile, role); an engine on this machine takes any, so there the chain need not have some.
 * Destroy it yourself.
 *
 * @param url `dynamodb://host:port/Table?region=eu-west-1`; without a host (`dynamodb:///Table?region=eu-west-1`) the
 * AWS endpoint of the region. `tls=true` for https to a host. Credentials as user and password.
 * @param options what the SDK's client takes; wins over the URL.
 * @throws KeyfoldError `INPUT_INVALID` when the URL is wrong.
 *
 * @example
 * ```ts
 * const { client, table } = open(process.env.DYNAMODB_URL ?? "dynamodb://127.0.0.1:8000/Shop?region=eu-west-1");
 * const shop = connect(model, dynamodb(client, { table }));
 * client.destroy();
 * ```
 */
export function open(url: string, options: DynamoDBClientConfig = {}): OpenedTable {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.protocol !== "dynamodb:") throw unusable("it does not begin with dynamodb://");
  const table = decodeURIComponent(parsed.pathname.slice(1));
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(table)) throw unusable("its path is not the name of a table");
  for (const name of parsed.searchParams.keys()) {
    if (name !== "region" && name !== "tls") throw unusable(`it has the unknown option ${name}`);
  }
  const region = parsed.searchParams.get("region") ?? undefined;
  const local = parsed.host !== "";
  const config: DynamoDBClientConfig = {
    maxAttempts: 1,
    ...(region === undefined ? (local ? { region: "us-east-1" } : {}) : { region }),
    ...(local ? { endpoint: `${parsed.searchParams.get("tls") === "true" ? "https" : "http"}://${parsed.host}` } : {}),
    ...credentialsOf(parsed),
    ...options,
  };
  return { client: new DynamoDBClient(config), table };
}

/** What a person on a laptop has not set up, an engine there does not ask for. */
const anyone = { accessKeyId: "local", secretAccessKey: "local" };
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function credentialsOf({ username, password, hostname }: URL): Pick<DynamoDBClientConfig, "credentials"> {
  if (username !== "") {
    const [accessKeyId, secretAccessKey] = [decodeURIComponent(username), decodeURIComponent(password)];
    return { credentials: { accessKeyId, secretAccessKey } };
  }
  const { AWS_ACCESS_KEY_ID, AWS_PROFILE } = process.env;
  const own = AWS_ACCESS_KEY_ID !== undefined || AWS_PROFILE !== undefined;
  return loopback.test(hostname) && !own ? { credentials: anyone } : {};
}

function unusable(why: string): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `This is not a usable DynamoDB URL: ${why}.`, {
    fix: "Write it as dynamodb://127.0.0.1:8000/Shop?region=eu-west-1, or dynamodb:///Shop?region=eu-west-1 for AWS itself.",
  });
}
