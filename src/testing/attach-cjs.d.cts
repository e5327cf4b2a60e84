// The types of attach.cjs, for CommonJS tests; the build lays it beside the bundle.
import type * as esm from "./attach.js" with { "resolution-mode": "import" };

export type EngineControls = esm.EngineControls;
export type EngineName = esm.EngineName;
export type Fault = esm.Fault;
export type FaultRule = esm.FaultRule;
export type InjectedFault = esm.InjectedFault;
export type TestClock = esm.TestClock;
export type TestEngine = esm.TestEngine;
export type TestEngines<E extends EngineName> = esm.TestEngines<E>;
export type TestFaults = esm.TestFaults;

export declare const attachEngines: typeof esm.attachEngines;
export declare const controlVariable: typeof esm.controlVariable;
export declare const urlVariable: typeof esm.urlVariable;
