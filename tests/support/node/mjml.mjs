// Compiles MJML files with the official compiler: prints one JSON list of {html, errors}, in the order of the arguments.
import fs from "node:fs";
import { createRequire } from "node:module";

const [modules, ...files] = process.argv.slice(2);
const mjml2html = createRequire(import.meta.url)(`${modules}/mjml`);
const compiled = files.map((file) => {
  const { html, errors } = mjml2html(fs.readFileSync(file, "utf8"), { fonts: {}, validationLevel: "soft" });
  return { html, errors: errors.map((error) => error.formattedMessage) };
});
process.stdout.write(JSON.stringify(compiled));
