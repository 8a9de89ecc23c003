// Puts the attempt's marker into the environment of tool shells: one server runs many attempts, so its
// own environment cannot carry it. The marker of each folder lies in a file that Ganger writes.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

export const Ganger = async ({ directory }) => ({
  "shell.env": async (_input, output) => {
    const name = createHash("sha256").update(directory).digest("hex").slice(0, 32);
    try {
      const lines = readFileSync(join(process.env.GANGER_MARKERS, name), "utf8").split("\n");
      // The key to this server is not for the agents that it runs.
      output.env.OPENCODE_SERVER_PASSWORD = "";
      for (const line of lines.filter(Boolean)) {
        const at = line.indexOf("=");
        output.env[line.slice(0, at)] = line.slice(at + 1);
      }
    } catch {}
  },
});
