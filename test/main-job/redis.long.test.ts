/** The whole Online Retail file on Redis: every line, and the answers of its answers file that sums and lists give. */

import { afterAll, beforeAll, describe } from "vitest";
import { type LoadedRedisShop, loadedRedisShop } from "./redis.js";
import { type Answers, FILE, readAnswers, skipped, there } from "./retail-file.js";
import { type Loaded, wholeFile } from "./whole-file.js";

describe.skipIf(!there)(`the Online Retail data set on Redis${skipped}`, () => {
  let loaded: LoadedRedisShop;
  let answers: Answers;
  beforeAll(async () => {
    answers = readAnswers();
    loaded = await loadedRedisShop(FILE);
  }, 900_000);
  afterAll(() => loaded?.[Symbol.asyncDispose](), 120_000);

  wholeFile(
    () => loaded as Loaded,
    () => answers,
  );
});
