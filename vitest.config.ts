import { defineConfig } from "vitest/config";

const long = ["**/*.long.test.ts"];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    projects: [
      // Beside the source: needs no build.
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"], exclude: long } },
      // What crosses rooms: some start the built program or the built engines in a process of their own.
      {
        extends: true,
        test: {
          name: "whole",
          include: ["test/**/*.test.ts"],
          exclude: [...long, "test/packages/**"],
          globalSetup: ["test/setup/built.ts"],
        },
      },
      // The packed package, installed elsewhere: `npm run test:packages`.
      {
        extends: true,
        test: {
          name: "packages",
          include: ["test/packages/*.test.ts"],
          globalSetup: ["test/setup/built.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      // Longer proofs: `npm run test:long`.
      {
        extends: true,
        test: {
          name: "long",
          include: ["src/**/*.long.test.ts", "test/**/*.long.test.ts"],
          globalSetup: ["test/setup/built.ts"],
          testTimeout: 900_000,
        },
      },
    ],
  },
});
