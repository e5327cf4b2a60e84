import type { Client } from "../client.js";
import { discard, unwatch } from "../execute.js";
import { ErrorReply, err, NO_REPLY, OK, PONG, type Reply, ReplyMap, Status, SYNTAX } from "../protocol/reply.js";
import { long } from "./arguments.js";
import { describe } from "./client.js";
import { databaseAt } from "./generic.js";

const WRONG_PASSWORD = new ErrorReply("WRONGPASS invalid username-password pair or user is disabled.");

export function ping(c: Client, a: string[]): Reply {
  if (a.length > 2) return err("wrong number of arguments for 'ping' command");
  if (c.resp === 2 && c.subscribed) return ["pong", a[1] ?? ""];
  return a.length === 2 ? a[1]! : PONG;
}

export function echo(_c: Client, a: string[]): Reply {
  return a[1]!;
}

export function select(c: Client, a: string[]): Reply {
  c.db = databaseAt(c, a[1]!, err("value is not an integer or out of range"));
  return OK;
}

export function quit(c: Client): Reply {
  c.closing = true;
  return OK;
}

/** Compares in a time that does not tell how much of a password was right. */
function same(given: string, wanted: string): boolean {
  let difference = given.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) difference |= wanted.charCodeAt(i) ^ (given.charCodeAt(i) | 0);
  return difference === 0;
}

/** Logs a client in; tells whether the name and password are right. */
function login(c: Client, user: string, password: string): boolean {
  const { server } = c;
  const wanted = user === "default" ? server.config.requirepass : server.users.get(user);
  const ok = user === "default" && wanted === "" ? server.passwordless : wanted !== undefined && same(password, wanted);
  if (!ok) {
    server.stats.authDenied++;
    const object = c.lastCommand!.name;
    const inTransaction = c.inTransaction;
    server.aclLog.add({ object, user, inTransaction, client: describe(c) }, server.now, server.config.acllogMaxLen);
    return false;
  }
  c.authenticated = true;
  c.user = user;
  return true;
}

export function auth(c: Client, a: string[]): Reply {
  if (a.length > 3) return SYNTAX;
  if (a.length === 2) {
    if (c.server.config.requirepass === "") {
      return err(
        "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
      );
    }
    return login(c, "default", a[1]!) ? OK : WRONG_PASSWORD;
  }
  return login(c, a[1]!, a[2]!) ? OK : WRONG_PASSWORD;
}

/** Whether a name may be given to a client: printable, without spaces. */
function validName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

const BAD_NAME = err("Client names cannot contain spaces, newlines or special characters.");

export function hello(c: Client, a: string[]): Reply {
  let version: 2 | 3 = c.resp;
  if (a.length > 1) {
    const wanted = long(a[1]!, err("Protocol version is not an integer or out of range"));
    if (wanted !== 2 && wanted !== 3) return new ErrorReply("NOPROTO unsupported protocol version");
    version = wanted;
  }
  let user: string | undefined;
  let password = "";
  let name: string | undefined;
  for (let i = 2; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "AUTH" && i + 2 < a.length) {
      user = a[i + 1]!;
      password = a[i + 2]!;
      i += 2;
    } else if (option === "SETNAME" && i + 1 < a.length) {
      name = a[++i]!;
      if (!validName(name)) return BAD_NAME;
    } else return err(`Syntax error in HELLO option '${a[i]}'`);
  }
  if (user !== undefined && !login(c, user, password)) return WRONG_PASSWORD;
  if (!c.authenticated) {
    return new ErrorReply(
      "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    );
  }
  if (name !== undefined) c.name = name;
  c.resp = version;
  return new ReplyMap([
    "server",
    "redis",
    "version",
    c.server.version,
    "proto",
    version,
    "id",
    c.id,
    "mode",
    "standalone",
    "role",
    "master",
    "modules",
    [],
  ]);
}

/** Brings a connection into the state of a fresh one. */
export function reset(c: Client): Reply {
  const { server } = c;
  discard(c);
  unwatch(c);
  server.pubsub.forget(c);
  server.tracking.disable(c);
  server.monitors.delete(c);
  c.monitor = false;
  c.db = server.dbs[0]!;
  c.name = "";
  c.resp = 2;
  c.replies = "on";
  c.noEvict = false;
  c.noTouch = false;
  c.user = "default";
  c.authenticated = server.passwordless;
  return new Status("RESET");
}

export function clientId(c: Client): Reply {
  return c.id;
}

export function clientGetname(c: Client): Reply {
  return c.name === "" ? null : c.name;
}

export function clientSetname(c: Client, a: string[]): Reply {
  if (!validName(a[2]!)) return BAD_NAME;
  c.name = a[2]!;
  return OK;
}

export function clientSetinfo(c: Client, a: string[]): Reply {
  const option = a[2]!.toLowerCase();
  const value = a[3]!;
  if (option !== "lib-name" && option !== "lib-ver") return err(`Unrecognized option '${a[2]}'`);
  if (!validName(value)) return err(`${option} cannot contain spaces, newlines or special characters.`);
  if (option === "lib-name") c.libName = value;
  else c.libVersion = value;
  return OK;
}

export function clientReply(c: Client, a: string[]): Reply {
  const mode = a[2]!.toUpperCase();
  if (mode === "ON") {
    c.replies = "on";
    return OK;
  }
  if (mode === "OFF") {
    c.replies = "off";
    return NO_REPLY;
  }
  if (mode === "SKIP") {
    if (c.replies !== "off") c.replies = "skip-next";
    return NO_REPLY;
  }
  return SYNTAX;
}
