import { it } from "vitest";
import { fuzzDynamodbBodies, fuzzDynamodbBytes, fuzzDynamodbLanguage } from "./dynamodb-fuzz-proof.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`DynamoDB answers any expression with its own error (seed ${seed})`, () => fuzzDynamodbLanguage(30_000, seed));
it(`DynamoDB answers any body with its own error (seed ${seed})`, () => fuzzDynamodbBodies(10_000, seed));
it(`DynamoDB answers changed bytes, or closes (seed ${seed})`, () => fuzzDynamodbBytes(5_000, seed));
