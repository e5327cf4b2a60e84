import * as runServer from "../server.js";
import type { CommandEntry } from "../spec.js";

/** Commands of the group cluster, by name. */
export const clusterCommands: readonly CommandEntry[] = [
  {
    name: "asking",
    arity: 1,
    flags: "fast",
    categories: "connection",
    since: "3.0.0",
    summary: "Part of a cluster's protocol.",
    run: runServer.cluster,
  },
  {
    name: "cluster",
    arity: -2,
    flags: "",
    since: "3.0.0",
    summary: "A container of commands about clusters: this server is none.",
    run: runServer.cluster,
  },
  {
    name: "readonly",
    arity: 1,
    flags: "fast loading stale",
    categories: "connection",
    since: "3.0.0",
    summary: "Part of a cluster's protocol.",
    run: runServer.cluster,
  },
  {
    name: "readwrite",
    arity: 1,
    flags: "fast loading stale",
    categories: "connection",
    since: "3.0.0",
    summary: "Part of a cluster's protocol.",
    run: runServer.cluster,
  },
];
