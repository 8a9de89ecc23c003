#!/usr/bin/env node
// Starts the program of the package for this platform, and ends as it ends.
const { spawn } = require("node:child_process");

const name = `ganger-${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/bin/ganger`);
} catch {
  console.error(`error: the npm package ${name} is not installed`);
  console.error("hint: there are packages for Linux on x64; npm leaves them out with --omit=optional");
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// The terminal sends its signals to both, and the program decides what they mean; others are passed on.
for (const signal of ["SIGINT", "SIGQUIT"]) process.on(signal, () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`error: ${program} cannot be started: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
