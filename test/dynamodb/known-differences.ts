import type { Step } from "./agreement-workload.js";

/*
 * Where an imitation of DynamoDB answers otherwise than the embedded engine, judged against the documentation and the
 * conformance suite that was captured on AWS. dynalite: nothing, in what it has; it has no transactions, so the model
 * that needs them is not run on it. docs/engines/dynamodb.md tells them.
 */

export type Flavour = "dynalite" | "moto";

type Judge = (step: Step, ours: string, theirs: string) => boolean;

/**
 * A page that ends with the last item of a partition: DynamoDB stopped because of `Limit` and cannot know that nothing
 * follows, so it gives a `LastEvaluatedKey`, and an empty page comes behind it
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html). moto looks ahead.
 */
const looksAhead: Judge = ({ method }, ours, theirs) =>
  method === "pages" && ours.endsWith(",[]]") && `${ours.slice(0, -",[]]".length)}]` === theirs;

const judges: Readonly<Record<Flavour, readonly Judge[]>> = { dynalite: [], moto: [looksAhead] };

/** Whether a difference between the embedded engine's answer and a server's is one of those that are listed. */
export function knownDifference(flavour: string | undefined, ...about: Parameters<Judge>): boolean {
  return Object.hasOwn(judges, flavour ?? "") && judges[flavour as Flavour].some((judge) => judge(...about));
}

/** Whether a server of this kind has transactions. */
export const hasTransactions = (flavour: string | undefined): boolean => flavour !== "dynalite";

/** Whether a server of this kind inserts by statements: moto answers a page of HTML with status 500 to each INSERT. */
export const hasStatements = (flavour: string | undefined): boolean => flavour !== "moto";
