export type { EngineClock, Fault, RequestInfo } from "../engines/engine.js";
export { attachEngines } from "./attach.js";
export type { FaultRule } from "./faults.js";
export type { EngineStart } from "./host.js";
export { type FaultProxy, type ProxyChunk, type ProxyFault, type ProxyRule, startProxy } from "./proxy.js";
export { type EngineName, engineNames } from "./registry.js";
export { type StartEngineOptions, type StartEnginesOptions, startEngines, startMongodb } from "./start.js";
export type {
  EngineControls,
  InjectedFault,
  TestCassandra,
  TestClock,
  TestEngine,
  TestEngines,
  TestFaults,
  TestNode,
} from "./test-engines.js";
