import { it } from "vitest";
import { fuzzLanguage, fuzzWire } from "./fuzz-proof.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`answers mutated and random bytes with its protocol, 20,000 times (seed ${seed})`, () => fuzzWire(20_000, seed));
it(`answers any filter, update and pipeline, 10,000 times (seed ${seed})`, () => fuzzLanguage(10_000, seed));
