import { teardown } from "./jest.js";

// Jest takes a teardown's default export and nothing else.
export default teardown;
