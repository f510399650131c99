/** `npm run bench -- <name> [--json] [--quick]`: runs bench/<name>/main.ts with the rest of the arguments. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const [name, ...rest] = process.argv.slice(2)
const folder = import.meta.dirname
const known = readdirSync(folder, { withFileTypes: true })
  .filter(entry => entry.isDirectory() && existsSync(join(folder, entry.name, 'main.ts')))
  .map(entry => entry.name)
if (!name || !known.includes(name)) {
  process.stderr.write(`usage: npm run bench -- <name> [--json] [--quick]\nbenchmarks: ${known.join(', ')}\n`)
  process.exit(2)
}
const { status } = spawnSync(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', join(folder, name, 'main.ts'), ...rest],
  { stdio: 'inherit' },
)
process.exit(status ?? 1)
