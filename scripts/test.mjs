// Runs the suites: `node scripts/test.mjs all|quick`. With MESHBOOK_TEST_REQUIRE=all a skipped test is a
// failure unless tests/allowed-skips.json names it with a reason and its probe agrees.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const mode = process.argv[2] ?? 'all'
const folder = mkdtempSync(join(tmpdir(), 'meshbook-test-'))
const skipFile = join(folder, 'skipped.jsonl')
let failed = 0

function run(title, command, args, env = {}) {
  const started = Date.now()
  process.stdout.write(`\n── ${title}\n`)
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  const ok = result.status === 0
  if (!ok) failed++
  process.stdout.write(`── ${title}: ${ok ? 'ok' : 'FAILED'} in ${seconds} s\n`)
}

async function files(patterns) {
  const found = []
  for (const pattern of patterns)
    for await (const file of glob(pattern, { cwd: root, exclude: entry => entry === 'node_modules' })) found.push(file)
  return found.sort()
}

async function suite(title, patterns, { concurrency = 2, timeoutMs = 120_000 } = {}) {
  const list = await files(patterns)
  if (list.length === 0) return
  const reporter = join(root, 'scripts/skip-reporter.mjs')
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    ...list,
  ]
  run(`${title} (${list.length} files)`, process.execPath, args, {
    MESHBOOK_SKIP_FILE: skipFile,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  })
}

function checkSkips() {
  if (!existsSync(skipFile)) return
  const allowed = JSON.parse(readFileSync(join(root, 'tests/allowed-skips.json'), 'utf8'))
  const skipped = readFileSync(skipFile, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  for (const skip of skipped) {
    const entry = allowed.find(({ test }) => test === skip.name)
    const probeAgrees = entry && spawnSync('sh', ['-c', entry.probe], { stdio: 'ignore' }).status === 0
    const verdict = probeAgrees ? `allowed: ${entry.reason}` : 'NOT ALLOWED'
    process.stdout.write(`skipped: ${skip.name} (${skip.reason}) ${verdict}\n`)
    if (!probeAgrees && process.env.MESHBOOK_TEST_REQUIRE === 'all') failed++
  }
}

const tsc = join(root, 'node_modules/.bin/tsc')
const biome = join(root, 'node_modules/.bin/biome')
run('lint', biome, ['check', '.'])
run('types', tsc, ['--noEmit'])
await suite('repository rules', ['tests/repo/*.test.ts'])
await suite('core', ['packages/core/src/**/*.test.ts', 'packages/engine/src/**/*.test.ts'])
await suite('packages', ['packages/{relay,hub,device,web,cli}/src/**/*.test.ts', 'kernels/*/*.test.ts'])
if (mode === 'all') {
  await suite('contracts', ['tests/contract/*.test.ts'])
  await suite('simulated worlds', ['tests/sim/*.test.ts'], { concurrency: 1, timeoutMs: 240_000 })
  await suite('crashes', ['tests/crash/*.test.ts'], { concurrency: 1 })
  await suite('network', ['tests/network/*.test.ts'], { concurrency: 1, timeoutMs: 240_000 })
  await suite('end to end', ['tests/e2e/*.test.ts'], { concurrency: 1, timeoutMs: 240_000 })
}
checkSkips()
rmSync(folder, { recursive: true, force: true })
process.stdout.write(failed === 0 ? '\nAll suites passed.\n' : `\n${failed} failed.\n`)
process.exit(failed === 0 ? 0 : 1)
