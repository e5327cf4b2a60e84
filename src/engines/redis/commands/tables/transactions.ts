import type { CommandEntry } from "../spec.js";
import * as runTransactions from "../transactions.js";

/** Commands of the group transactions, by name. */
export const transactionsCommands: readonly CommandEntry[] = [
  {
    name: "discard",
    arity: 1,
    flags: "noscript loading stale fast allow_busy",
    categories: "transaction",
    since: "2.0.0",
    summary: "Drops a transaction's queue.",
    run: runTransactions.discard,
  },
  {
    name: "exec",
    arity: 1,
    flags: "noscript loading stale skip_slowlog",
    categories: "transaction",
    since: "1.2.0",
    summary: "Runs a transaction.",
    run: runTransactions.exec,
  },
  {
    name: "multi",
    arity: 1,
    flags: "noscript loading stale fast allow_busy",
    categories: "transaction",
    since: "1.2.0",
    summary: "Begins a transaction.",
    run: runTransactions.multi,
  },
  {
    name: "unwatch",
    arity: 1,
    flags: "noscript loading stale fast allow_busy",
    categories: "transaction",
    since: "2.2.0",
    summary: "Forgets the watched keys.",
    run: runTransactions.unwatch,
  },
  {
    name: "watch",
    arity: -2,
    flags: "noscript loading stale fast allow_busy",
    keys: "1 -1,1,0 RO",
    categories: "transaction",
    since: "2.2.0",
    summary: "Watches keys: a transaction fails when one changes.",
    run: runTransactions.watch,
  },
];
