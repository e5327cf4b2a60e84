import { it } from "vitest";
import { proveIndexes } from "./indexes-proof.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`keeps every index as an oracle says over 100,000 writes (seed ${seed})`, () => proveIndexes(100_000, seed));
