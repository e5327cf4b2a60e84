module.exports = {
  testMatch: ["<rootDir>/*.test.cjs"],
  globalSetup: "keyfold/testing/jest",
  globalTeardown: "keyfold/testing/jest-teardown",
};
