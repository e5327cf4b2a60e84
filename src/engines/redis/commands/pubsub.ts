import type { Client } from "../client.js";
import { globMatch } from "../data/glob.js";
import { err, Push, type Reply, ReplySequence, SYNTAX } from "../protocol/reply.js";
import { help } from "./generic.js";

/** A client's answer to a subscription: its kind, the name, and how many it now has. */
function note(kind: string, name: Reply, count: number): Reply {
  return new Push([kind, name, count]);
}

const DENIED = err("SUBSCRIBE isn't allowed for a DENY BLOCKING client");

export function subscribe(c: Client, a: string[]): Reply {
  if (c.denyBlocking && c.queue === undefined && !c.inTransaction) return DENIED;
  const out: Reply[] = [];
  for (const channel of a.slice(1)) {
    c.server.pubsub.subscribe(c, channel);
    out.push(note("subscribe", channel, c.subscriptions));
  }
  return new ReplySequence(out);
}

export function psubscribe(c: Client, a: string[]): Reply {
  if (c.denyBlocking && c.queue === undefined && !c.inTransaction) return DENIED;
  const out: Reply[] = [];
  for (const pattern of a.slice(1)) {
    c.server.pubsub.psubscribe(c, pattern);
    out.push(note("psubscribe", pattern, c.subscriptions));
  }
  return new ReplySequence(out);
}

export function ssubscribe(c: Client, a: string[]): Reply {
  if (c.denyBlocking) return err("SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  const out: Reply[] = [];
  for (const channel of a.slice(1)) {
    c.server.pubsub.ssubscribe(c, channel);
    out.push(note("ssubscribe", channel, c.shardChannels.size));
  }
  return new ReplySequence(out);
}

export function unsubscribe(c: Client, a: string[]): Reply {
  const names = a.length > 1 ? a.slice(1) : [...c.channels];
  if (names.length === 0) return note("unsubscribe", null, c.subscriptions);
  return new ReplySequence(
    names.map((channel) => {
      c.server.pubsub.unsubscribe(c, channel);
      return note("unsubscribe", channel, c.subscriptions);
    }),
  );
}

export function punsubscribe(c: Client, a: string[]): Reply {
  const names = a.length > 1 ? a.slice(1) : [...c.patterns];
  if (names.length === 0) return note("punsubscribe", null, c.subscriptions);
  return new ReplySequence(
    names.map((pattern) => {
      c.server.pubsub.punsubscribe(c, pattern);
      return note("punsubscribe", pattern, c.subscriptions);
    }),
  );
}

export function sunsubscribe(c: Client, a: string[]): Reply {
  const names = a.length > 1 ? a.slice(1) : [...c.shardChannels];
  if (names.length === 0) return note("sunsubscribe", null, c.shardChannels.size);
  return new ReplySequence(
    names.map((channel) => {
      c.server.pubsub.sunsubscribe(c, channel);
      return note("sunsubscribe", channel, c.shardChannels.size);
    }),
  );
}

export function publish(c: Client, a: string[]): Reply {
  return c.server.pubsub.publish(a[1]!, a[2]!);
}

export function spublish(c: Client, a: string[]): Reply {
  return c.server.pubsub.spublish(a[1]!, a[2]!);
}

function matching(names: Iterable<string>, pattern: string | undefined): string[] {
  const all = [...names];
  return pattern === undefined ? all : all.filter((name) => globMatch(pattern, name));
}

export function pubsubChannels(c: Client, a: string[]): Reply {
  if (a.length > 3) return SYNTAX;
  return matching(c.server.pubsub.channels.keys(), a[2]);
}

export function pubsubShardchannels(c: Client, a: string[]): Reply {
  if (a.length > 3) return SYNTAX;
  return matching(c.server.pubsub.shardChannels.keys(), a[2]);
}

export function pubsubNumsub(c: Client, a: string[]): Reply {
  return a.slice(2).flatMap((name): Reply[] => [name, c.server.pubsub.channels.get(name)?.size ?? 0]);
}

export function pubsubShardnumsub(c: Client, a: string[]): Reply {
  return a.slice(2).flatMap((name): Reply[] => [name, c.server.pubsub.shardChannels.get(name)?.size ?? 0]);
}

export function pubsubNumpat(c: Client): Reply {
  return c.server.pubsub.patterns.size;
}

export function pubsubHelp(): Reply {
  return help("PUBSUB", [
    "CHANNELS [<pattern>]",
    "    The channels that have subscribers and match a pattern (default: all).",
    "NUMPAT",
    "    How many patterns are subscribed to.",
    "NUMSUB [<channel> ...]",
    "    The subscribers of each channel.",
    "SHARDCHANNELS [<pattern>]",
    "    The shard channels that have subscribers and match a pattern.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    The subscribers of each shard channel.",
  ]);
}
