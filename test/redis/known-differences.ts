import type { Known, Sequence } from "./agreement.js";

/*
 * Where Redis 8.2 or Valkey 9.1 answer otherwise than 7.2, whose documentation and source decide, and where an answer is
 * free. docs/engines/redis.md lists them.
 */

const isError = (text: string): boolean => text.startsWith('"-');

/** Both have the same when what follows a word is left out. */
const sameWithout = (pattern: RegExp, ours: string, theirs: string): boolean =>
  ours.replace(pattern, "") === theirs.replace(pattern, "");

function anyVersion(name: string, ours: string, theirs: string): boolean {
  // A string that INCRBYFLOAT made reads as an integer here and as a short text there; both are right for the value.
  if (name === "OBJECT" && ours === '"$int"' && theirs === '"$embstr"') return true;
  // How far a group is behind: later versions know it in more cases.
  if (sameWithout(/"\$(lag|entries-read)",(null|":-?\d+")/g, ours, theirs)) return true;
  return false;
}

function valkey(name: string, mode: string, ours: string, theirs: string): boolean {
  // Its errors of scripts do not say Redis, and name the script otherwise.
  const scripted = mode === "script" || /^(EVAL|FCALL|FUNCTION|SCRIPT)/.test(name);
  if (scripted && isError(ours) && isError(theirs)) return true;
  // What a server without a cluster answers to a cluster's commands.
  if (name === "READONLY" || name === "CLUSTER" || name === "ASKING") return true;
  // An empty text is no number to it.
  if (name === "SORT" && isError(theirs)) return true;
  // It refuses at once: an unknown type, a time of 0 for a key that is not there.
  if ((name === "SCAN" || name === "GETEX") && isError(theirs)) return true;
  // It keeps longer texts beside their key's entry, and turns to the large encodings at other moments.
  if (name === "OBJECT" && !isError(ours) && !isError(theirs)) return true;
  // A member that is not there, by name.
  if (name.startsWith("GEO") && isError(ours) && isError(theirs)) return true;
  // A moment in the past: the event is "expired", not "del".
  if (name === "events") return ours.replaceAll("del", "expired") === theirs.replaceAll("del", "expired");
  return false;
}

/** Which differences of a sequence between our replies and a server's are among those that are listed. */
export function knownDifferences({ pieces }: Sequence): Known {
  const isValkey = process.env["KEYFOLD_TEST_REDIS_FLAVOUR"] === "valkey";
  // An LTRIM that trims nothing is no change to it: it goes on tracking the key, and tells of its next change instead.
  const trims = pieces.some(({ requests }) => requests.some(([name]) => name === "LTRIM"));
  return (request, ours, theirs, mode) => {
    const name = request[0]?.toUpperCase() ?? "";
    if (anyVersion(name, ours, theirs)) return true;
    return isValkey && ((trims && name === "INVALIDATIONS") || valkey(request[0] ?? "", mode, ours, theirs));
  };
}
