import type { Client } from "../client.js";
import { parseLong } from "../data/numbers.js";
import { resumePaused } from "../execute.js";
import { ErrorReply, err, OK, type Reply, ReplyMap, ReplySet, SYNTAX } from "../protocol/reply.js";
import { Tracking } from "../tracking/tracking.js";
import { long, longIn } from "./arguments.js";
import { help } from "./generic.js";

/** A client as CLIENT LIST shows it. */
export function describe(client: Client): string {
  const { server, transport, tracking } = client;
  let flags = "";
  if (client.monitor) flags += "O";
  if (client.subscribed) flags += "P";
  if (client.queue !== undefined) flags += "x";
  if (client.blocked !== undefined) flags += "b";
  if (tracking !== undefined) flags += "t";
  if (tracking?.brokenRedirect) flags += "R";
  if (tracking?.broadcast) flags += "B";
  if (client.watchFailed) flags += "d";
  if (client.closing) flags += "c";
  if (client.noEvict) flags += "e";
  if (client.noTouch) flags += "T";
  const seconds = (since: number): number => Math.max(0, Math.floor((server.now - since) / 1000));
  const queued = transport?.pendingBytes ?? 0;
  const buffer = transport?.bufferBytes ?? 0;
  const unsent = transport?.unsentBytes ?? 0;
  const multiMemory = client.queue?.reduce((sum, { args }) => sum + args.reduce((n, arg) => n + arg.length, 0), 0) ?? 0;
  return [
    `id=${client.id}`,
    `addr=${transport?.remote ?? ""}`,
    `laddr=${transport?.local ?? ""}`,
    `fd=${client.id + 7}`,
    `name=${client.name}`,
    `age=${seconds(client.createdAt)}`,
    `idle=${seconds(client.lastInteraction)}`,
    `flags=${flags === "" ? "N" : flags}`,
    `db=${client.db.index}`,
    `sub=${client.channels.size}`,
    `psub=${client.patterns.size}`,
    `ssub=${client.shardChannels.size}`,
    `multi=${client.queue?.length ?? -1}`,
    `qbuf=${queued}`,
    `qbuf-free=${Math.max(0, buffer - queued)}`,
    "argv-mem=0",
    `multi-mem=${multiMemory}`,
    "rbs=0",
    "rbp=0",
    "obl=0",
    "oll=0",
    `omem=${unsent}`,
    `tot-mem=${2048 + buffer + unsent + multiMemory}`,
    "events=r",
    `cmd=${client.lastCommand?.fullName ?? "NULL"}`,
    `user=${client.user}`,
    `redir=${tracking === undefined ? -1 : tracking.redirect}`,
    `resp=${client.resp}`,
    `lib-name=${client.libName}`,
    `lib-ver=${client.libVersion}`,
  ].join(" ");
}

type ClientType = "normal" | "master" | "replica" | "pubsub";

function typeOf(client: Client): ClientType {
  return client.subscribed ? "pubsub" : "normal";
}

function clientType(text: string): ClientType {
  const name = text.toLowerCase();
  if (name === "slave") return "replica";
  if (name !== "normal" && name !== "master" && name !== "replica" && name !== "pubsub") {
    throw err(`Unknown client type '${text}'`);
  }
  return name;
}

export function clientInfo(c: Client): Reply {
  return `${describe(c)}\n`;
}

export function clientList(c: Client, a: string[]): Reply {
  let clients = [...c.server.clients.values()];
  if (a.length === 4 && a[2]!.toUpperCase() === "TYPE") {
    const wanted = clientType(a[3]!);
    clients = clients.filter((client) => typeOf(client) === wanted);
  } else if (a.length > 3 && a[2]!.toUpperCase() === "ID") {
    clients = [];
    for (const text of a.slice(3)) {
      const found = c.server.clients.get(long(text, err("Invalid client ID")));
      if (found !== undefined) clients.push(found);
    }
  } else if (a.length !== 2) return SYNTAX;
  return clients.map((client) => `${describe(client)}\n`).join("");
}

export function clientKill(c: Client, a: string[]): Reply {
  const { server } = c;
  if (a.length === 3) {
    for (const client of server.clients.values()) {
      if (client.transport?.remote !== a[2]) continue;
      end(c, client);
      return OK;
    }
    return err("No such client");
  }
  let id: number | undefined;
  let address: string | undefined;
  let local: string | undefined;
  let user: string | undefined;
  let kind: ClientType | undefined;
  let skipMe = true;
  if (a.length % 2 !== 0) return SYNTAX;
  for (let i = 2; i < a.length; i += 2) {
    const option = a[i]!.toUpperCase();
    const value = a[i + 1]!;
    if (option === "ID") {
      id = parseLong(value);
      if (!(id >= 1)) return err("client-id should be greater than 0");
    } else if (option === "TYPE") kind = clientType(value);
    else if (option === "ADDR") address = value;
    else if (option === "LADDR") local = value;
    else if (option === "USER") {
      user = value;
      if (value !== "default" && !server.users.has(value)) return err(`No such user '${value}'`);
    } else if (option === "SKIPME") {
      if (value.toLowerCase() !== "yes" && value.toLowerCase() !== "no") return SYNTAX;
      skipMe = value.toLowerCase() === "yes";
    } else return SYNTAX;
  }
  let killed = 0;
  for (const client of [...server.clients.values()]) {
    if (address !== undefined && client.transport?.remote !== address) continue;
    if (local !== undefined && client.transport?.local !== local) continue;
    if (kind !== undefined && typeOf(client) !== kind) continue;
    if (id !== undefined && client.id !== id) continue;
    if (user !== undefined && client.user !== user) continue;
    if (skipMe && client === c) continue;
    end(c, client);
    killed++;
  }
  return killed;
}

/** Closes a client; the caller itself only after its reply. */
function end(c: Client, client: Client): void {
  if (client === c) c.closing = true;
  else client.transport?.destroy();
}

export function clientPause(c: Client, a: string[]): Reply {
  let kind: "all" | "write" = "all";
  if (a.length === 4) {
    const mode = a[3]!.toUpperCase();
    if (mode === "WRITE") kind = "write";
    else if (mode !== "ALL") return err("CLIENT PAUSE mode must be WRITE or ALL");
  } else if (a.length !== 3) return SYNTAX;
  const ms = longIn(a[2]!, 0, Number.MAX_SAFE_INTEGER, err("timeout is not an integer or out of range"));
  c.server.pause(kind, c.server.now + ms, () => resumePaused(c.server));
  return OK;
}

export function clientUnpause(c: Client): Reply {
  c.server.unpause();
  return OK;
}

export function clientUnblock(c: Client, a: string[]): Reply {
  let error: ErrorReply | undefined;
  if (a.length === 4) {
    const how = a[3]!.toUpperCase();
    if (how === "ERROR") error = new ErrorReply("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else if (how !== "TIMEOUT") return err("CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  const client = c.server.clients.get(long(a[2]!));
  const kind = client?.blocked?.kind;
  if (client === undefined || kind === undefined || kind === "postponed" || kind === "delayed" || kind === "script")
    return 0;
  c.server.blocking.unblock(client, error);
  return 1;
}

export function clientNoEvict(c: Client, a: string[]): Reply {
  const mode = a[2]!.toLowerCase();
  if (mode !== "on" && mode !== "off") return SYNTAX;
  c.noEvict = mode === "on";
  return OK;
}

export function clientNoTouch(c: Client, a: string[]): Reply {
  const mode = a[2]!.toLowerCase();
  if (mode !== "on" && mode !== "off") return SYNTAX;
  c.noTouch = mode === "on";
  return OK;
}

export function clientCaching(c: Client, a: string[]): Reply {
  const { tracking } = c;
  if (tracking === undefined || (!tracking.optIn && !tracking.optOut)) {
    return err(
      "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    );
  }
  const mode = a[2]!.toLowerCase();
  if (mode === "yes") {
    if (!tracking.optIn) return err("CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    tracking.caching = "yes";
  } else if (mode === "no") {
    if (!tracking.optOut) return err("CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    tracking.caching = "no";
  } else return SYNTAX;
  c.cachingFresh = true;
  return OK;
}

export function clientTracking(c: Client, a: string[]): Reply {
  const { server } = c;
  let redirect = 0;
  let broadcast = false;
  let optIn = false;
  let optOut = false;
  let noLoop = false;
  const prefixes: string[] = [];
  for (let i = 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "REDIRECT" && i + 1 < a.length) {
      if (redirect !== 0) return err("A client can only redirect to a single other client");
      redirect = long(a[++i]!);
      if (!server.clients.has(redirect)) return err("The client ID you want redirect to does not exist");
    } else if (option === "BCAST") broadcast = true;
    else if (option === "OPTIN") optIn = true;
    else if (option === "OPTOUT") optOut = true;
    else if (option === "NOLOOP") noLoop = true;
    else if (option === "PREFIX" && i + 1 < a.length) prefixes.push(a[++i]!);
    else return SYNTAX;
  }
  const mode = a[2]!.toLowerCase();
  if (mode === "off") {
    server.tracking.disable(c);
    return OK;
  }
  if (mode !== "on") return SYNTAX;
  const old = c.tracking;
  if (!broadcast && prefixes.length > 0) return err("PREFIX option requires BCAST mode to be enabled");
  if (old !== undefined && old.broadcast !== broadcast) {
    return err(
      "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
    );
  }
  if (broadcast && (optIn || optOut)) return err("OPTIN and OPTOUT are not compatible with BCAST");
  if (optIn && optOut) return err("You can't use both OPTIN mode and OPTOUT mode at the same time");
  if ((optIn && old?.optOut) || (optOut && old?.optIn)) {
    return err(
      "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
    );
  }
  if (broadcast) {
    const clash = Tracking.overlap(prefixes, old?.prefixes ?? []);
    if (clash !== undefined) {
      return err(
        `Prefix '${clash[0]}' overlaps with ${(old?.prefixes ?? []).includes(clash[1]) ? "an existing" : "another provided"} prefix '${clash[1]}'. Prefixes for a single client must not overlap.`,
      );
    }
  }
  // Without a prefix it is every key: the empty prefix.
  if (broadcast && prefixes.length === 0 && (old?.prefixes ?? []).length === 0) prefixes.push("");
  c.tracking = {
    broadcast,
    prefixes: [...(old?.prefixes ?? []), ...prefixes],
    optIn,
    optOut,
    noLoop,
    redirect,
    brokenRedirect: false,
    caching: undefined,
  };
  server.tracking.enable(c);
  return OK;
}

export function clientGetredir(c: Client): Reply {
  return c.tracking === undefined ? -1 : c.tracking.redirect;
}

export function clientTrackinginfo(c: Client): Reply {
  const { tracking } = c;
  const flags: string[] = [];
  if (tracking === undefined) flags.push("off");
  else {
    flags.push("on");
    if (tracking.broadcast) flags.push("bcast");
    if (tracking.optIn) flags.push("optin");
    if (tracking.optOut) flags.push("optout");
    if (tracking.caching !== undefined) flags.push(`caching-${tracking.caching}`);
    if (tracking.noLoop) flags.push("noloop");
    if (tracking.brokenRedirect) flags.push("broken_redirect");
  }
  return new ReplyMap([
    "flags",
    new ReplySet(flags),
    "redirect",
    tracking === undefined ? -1 : tracking.redirect,
    "prefixes",
    tracking === undefined ? [] : [...tracking.prefixes],
  ]);
}

export function clientHelp(): Reply {
  return help("CLIENT", [
    "CACHING (YES|NO)",
    "    Track the keys of the next command, or do not.",
    "GETNAME",
    "    The name of this connection.",
    "GETREDIR",
    "    The client to which invalidations go.",
    "ID",
    "    The number of this connection.",
    "INFO",
    "    What LIST shows of this connection.",
    "KILL <ip:port> | <option> <value> [...]",
    "    Close connections: by ADDR, LADDR, ID, TYPE, USER; SKIPME (yes|no).",
    "LIST [TYPE <type> | ID <id> ...]",
    "    The connections.",
    "NO-EVICT (ON|OFF)",
    "    Protect this connection from being closed for memory.",
    "NO-TOUCH (ON|OFF)",
    "    Do not note this connection's accesses.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Let clients wait for so many milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Whether this connection gets replies.",
    "SETINFO <option> <value>",
    "    Note the library's lib-name or lib-ver.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]",
    "    Help with client-side caching.",
    "TRACKINGINFO",
    "    The state of tracking.",
    "UNBLOCK <id> [TIMEOUT|ERROR]",
    "    End a client's wait.",
    "UNPAUSE",
    "    End a pause.",
  ]);
}
