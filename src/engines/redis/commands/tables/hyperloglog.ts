import * as runHyperloglog from "../hyperloglog.js";
import type { CommandEntry } from "../spec.js";

/** Commands of the group hyperloglog, by name. */
export const hyperloglogCommands: readonly CommandEntry[] = [
  {
    name: "pfadd",
    arity: -2,
    flags: "write denyoom fast",
    keys: "1 0,1,0 RW insert",
    categories: "hyperloglog",
    since: "2.8.9",
    summary: "Adds elements to a HyperLogLog.",
    run: runHyperloglog.pfadd,
  },
  {
    name: "pfcount",
    arity: -2,
    flags: "readonly may_replicate",
    keys: "1 -1,1,0 RW access",
    categories: "hyperloglog",
    since: "2.8.9",
    summary: "Estimates how many different elements were added.",
    run: runHyperloglog.pfcount,
  },
  {
    name: "pfdebug",
    arity: 3,
    flags: "write denyoom admin",
    keys: "2 0,1,0 RW access",
    categories: "hyperloglog",
    since: "2.8.9",
    summary: "Looks inside a HyperLogLog.",
    run: runHyperloglog.pfdebug,
  },
  {
    name: "pfmerge",
    arity: -2,
    flags: "write denyoom",
    keys: "1 0,1,0 RW access insert; 2 -1,1,0 RO access",
    categories: "hyperloglog",
    since: "2.8.9",
    summary: "Merges HyperLogLogs.",
    run: runHyperloglog.pfmerge,
  },
  {
    name: "pfselftest",
    arity: 1,
    flags: "admin",
    categories: "hyperloglog",
    since: "2.8.9",
    summary: "Checks the registers and the error of HyperLogLogs.",
    run: runHyperloglog.pfselftest,
  },
];
