// Asks caniemail's data what mail programs make of HTML files: prints one JSON list of [feature, program, support].
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, clients, ...files] = process.argv.slice(2);
const { caniemail } = await import(pathToFileURL(`${modules}/caniemail/dist/index.js`));
const found = new Set();
for (const file of files) {
  const { issues } = caniemail({ clients: clients.split(","), html: fs.readFileSync(file, "utf8") });
  for (const kind of [issues.errors, issues.warnings]) {
    for (const [client, features] of kind) {
      for (const { title, support } of features) found.add(JSON.stringify([title, client, support]));
    }
  }
}
process.stdout.write(`[${[...found].sort().join(",")}]`);
