import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["*.test.ts"], globalSetup: ["keyfold/testing/vitest"], fileParallelism: false },
});
