import type { Client } from "../client.js";
import type { Database } from "../data/database.js";
import type { RedisServer } from "../state.js";

/** Text as Redis quotes it: escapes for quotes, line ends and what is not printable. */
export function quote(text: string): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34 || code === 92) out += `\\${text[i]}`;
    else if (code === 10) out += "\\n";
    else if (code === 13) out += "\\r";
    else if (code === 9) out += "\\t";
    else if (code === 7) out += "\\a";
    else if (code === 8) out += "\\b";
    else if (code < 32 || code > 126) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else out += text[i];
  }
  return `${out}"`;
}

/** Shows a request to the clients in MONITOR mode. */
export function feedMonitors(server: RedisServer, client: Client, db: Database, args: readonly string[]): void {
  const micros = Math.round((server.clock.now() % 1) * 1000);
  const seconds = Math.floor(server.now / 1000);
  const fraction = String((server.now % 1000) * 1000 + micros).padStart(6, "0");
  const source = client.scripted ? "lua" : (client.transport?.remote ?? "");
  const line = `+${seconds}.${fraction} [${db.index} ${source}] ${args.map(quote).join(" ")}\r\n`;
  for (const monitor of server.monitors) monitor.push(line);
}
