import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HttpRequest } from "../../net/http.js";
import { DynamoError } from "../errors.js";

/**
 * Signatures of requests, version 4: taken apart always, verified where credentials are set.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** What a signature says of a request. */
export interface Signature {
  readonly accessKey: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export interface Credentials {
  /** The access key id. */
  readonly user: string;
  /** The secret access key. */
  readonly password: string;
}

const algorithm = "AWS4-HMAC-SHA256";
/** How far the clocks of client and server may be apart. */
const skewMs = 15 * 60 * 1000;

function incomplete(message: string): DynamoError {
  return new DynamoError("IncompleteSignatureException", message);
}

function invalid(message: string): DynamoError {
  return new DynamoError("InvalidSignatureException", message);
}

// Clients send the same text but for the signature, which is at its end.
let lastText = "";
let lastSignature: Signature | undefined;

/** Takes the header apart. Throws AWS' own errors for one that is missing or not whole. */
export function parseSignature(request: HttpRequest): Signature {
  const header = request.headers.get("authorization");
  if (header === undefined || !header.startsWith("AWS4-")) {
    throw new DynamoError("MissingAuthenticationTokenException", "Request is missing Authentication Token");
  }
  const cut = header.lastIndexOf("Signature=");
  if (cut > 0 && lastSignature !== undefined && header.slice(0, cut) === lastText) {
    return { ...lastSignature, signature: header.slice(cut + "Signature=".length) };
  }
  if (!header.startsWith(`${algorithm} `)) {
    throw incomplete(`Unsupported AWS 'algorithm': '${header.split(" ")[0]}' (only ${algorithm} for now). `);
  }
  const parts = new Map<string, string>();
  for (const part of header.slice(algorithm.length + 1).split(",")) {
    const at = part.indexOf("=");
    if (at > 0) parts.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  let missing = "";
  for (const name of ["Credential", "Signature", "SignedHeaders"]) {
    if (!parts.has(name)) missing += `Authorization header requires '${name}' parameter. `;
  }
  if (!request.headers.has("x-amz-date") && !request.headers.has("date")) {
    missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (missing !== "") throw incomplete(`${missing}Authorization=${header}`);
  const scope = parts.get("Credential")!.split("/");
  if (scope.length !== 5) {
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${parts.get("Credential")}'`,
    );
  }
  const [accessKey, date, region, service] = scope as [string, string, string, string, string];
  const signature: Signature = {
    accessKey,
    date,
    region,
    service,
    signedHeaders: parts.get("SignedHeaders")!.split(";"),
    signature: parts.get("Signature")!,
  };
  if (cut > 0) {
    lastText = header.slice(0, cut);
    lastSignature = signature;
  }
  return signature;
}

const keys = new Map<string, Buffer>();

/** The key of a day, region and service, made of the secret. */
function signingKey(secret: string, { date, region, service }: Signature): Buffer {
  const name = `${date}/${region}/${service}/${secret}`;
  let key = keys.get(name);
  if (key === undefined) {
    key = Buffer.from(`AWS4${secret}`);
    for (const part of [date, region, service, "aws4_request"]) key = createHmac("sha256", key).update(part).digest();
    if (keys.size > 100) keys.clear();
    keys.set(name, key);
  }
  return key;
}

function timeOf(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Query parameters sorted by name, as they are signed. */
function canonicalQuery(target: string): string {
  const at = target.indexOf("?");
  if (at < 0) return "";
  return target
    .slice(at + 1)
    .split("&")
    .filter((part) => part !== "")
    .map((part) => (part.includes("=") ? part : `${part}=`))
    .sort()
    .join("&");
}

/** Throws when a request was not signed with these credentials, about now. */
export function verifySignature(
  request: HttpRequest,
  parsed: Signature,
  credentials: Credentials,
  nowMs: number,
): void {
  const { headers } = request;
  const stamp = headers.get("x-amz-date") ?? headers.get("date")!;
  const time = timeOf(stamp);
  if (time === undefined) {
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${stamp}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  const basic = (ms: number): string => `${new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "")}`;
  if (nowMs - time > skewMs) {
    throw invalid(
      `Signature expired: ${stamp} is now earlier than ${basic(nowMs - skewMs)} (${basic(nowMs)} - 15 min.)`,
    );
  }
  if (time - nowMs > skewMs) {
    throw invalid(
      `Signature not yet current: ${stamp} is still later than ${basic(nowMs + skewMs)} (${basic(nowMs)} + 15 min.)`,
    );
  }
  if (!parsed.signedHeaders.includes("host")) {
    throw invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  if (parsed.accessKey !== credentials.user) {
    throw new DynamoError("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  const canonicalHeaders = parsed.signedHeaders
    .map((name) => `${name}:${(headers.get(name) ?? "").replace(/\s+/g, " ")}\n`)
    .join("");
  const canonical = [
    request.method,
    request.target.split("?")[0],
    canonicalQuery(request.target),
    canonicalHeaders,
    parsed.signedHeaders.join(";"),
    createHash("sha256").update(request.body).digest("hex"),
  ].join("\n");
  const scope = `${parsed.date}/${parsed.region}/${parsed.service}/aws4_request`;
  const toSign = [algorithm, stamp, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const expected = createHmac("sha256", signingKey(credentials.password, parsed)).update(toSign).digest();
  const given = Buffer.from(parsed.signature, "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw invalid(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
}
