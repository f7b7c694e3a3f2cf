// serve.mjs <folder>: fauxqs from the folder's node_modules, on 127.0.0.1 and a free port.
//
// Prints the port once it listens, and ends with its standard input: it cannot outlive the process
// that started it. fauxqs has a command of its own, but that one listens on every interface.
import path from "node:path";
import { pathToFileURL } from "node:url";

const main = path.resolve(process.argv[2], "node_modules/fauxqs/dist/app.js");
const { buildApp } = await import(pathToFileURL(main).href);

for (const ending of ["end", "close", "error"]) {
  process.stdin.on(ending, () => process.exit(0));
}
process.stdin.resume();

const app = buildApp({ logger: false });
const address = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(new URL(address).port);
