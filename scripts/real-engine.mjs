// npm run engine -- NAME [--port N] [--data DIR]: starts a real engine in the foreground and prints its URL.
import { parseArgs } from "node:util";
import { install, recipes } from "./real-engines/recipes.mjs";
import { startRealEngine } from "./real-engines/start.mjs";

const help = `npm run engine -- NAME [--port N] [--data DIR]   start a real engine on loopback, print its URL, run until Ctrl-C
npm run engine -- NAME --install                 only fetch it

${Object.entries(recipes)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join("\n")}

Engines are kept in KEYFOLD_ENGINES (default: keyfold-engines in the user's cache folder).`;

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        port: { type: "string" },
        data: { type: "string" },
        install: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

const { values, positionals } = options();
const [name] = positionals;
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (positionals.length !== 1 || !Object.hasOwn(recipes, name)) {
  console.error(name === undefined ? help : `no engine "${name}"\n\n${help}`);
  process.exit(2);
}
const port = values.port === undefined ? recipes[name].port : Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`--port takes a number from 0 (any free one) to 65535, not "${values.port}"`);
  process.exit(2);
}

try {
  if (values.install) {
    const { fresh } = await install(name);
    console.error(`${name}: ${fresh ? "installed" : "there already"}`);
    process.exit(0);
  }
  const engine = await startRealEngine(name, { port, data: values.data, log: (line) => console.error(line) });
  console.log(engine.url);
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"])
    process.on(signal, () => {
      stopping = true;
      void engine.stop();
    });
  const reason = await engine.ended;
  if (!stopping) throw new Error(`${name} ended: ${reason}`);
  await engine.stop();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
