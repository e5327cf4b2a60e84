#!/usr/bin/env node
import { quitWhenReaderIsGone } from "./output/terminal.js";
import { run } from "./run.js";

quitWhenReaderIsGone();
process.exitCode = await run(process.argv.slice(2));
