export { Batches, batch } from "./batch.js";
export type {
  BatchCall,
  BatchOptions,
  GetCall,
  GetResult,
  GotMany,
  ItemOf,
  NotDone,
  Write,
  WriteResult,
  WroteMany,
} from "./types.js";
