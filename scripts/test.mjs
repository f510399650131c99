// Runs the suites: `node scripts/test.mjs all|quick`. With MESHBOOK_TEST_REQUIRE=all a skipped test is a
// failure unless tests/allowed-skips.json names it with a reason and its probe agrees. Files run beside each other; one
// that fails so is run once more by itself, unless random inputs found the fault. What only then passes is named at the
// end: it is unsteady, and somebody should look at it. So are the files that took longest.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const mode = process.argv[2] ?? 'all'
const folder = mkdtempSync(join(tmpdir(), 'meshbook-test-'))
const skipFile = join(folder, 'skipped.jsonl')
const failedFile = join(folder, 'failed.txt')
const timesFile = join(folder, 'times.txt')
const slowestToName = 15
const mostAgain = 8
const begun = Date.now()
const unsteady = []
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
  process.stdout.write(`── ${title}: ${ok ? 'ok' : 'FAILED'} in ${seconds} s\n`)
  return ok
}

function must(title, command, args) {
  if (!run(title, command, args)) failed++
}

async function files(patterns) {
  const found = []
  for (const pattern of patterns)
    for await (const file of glob(pattern, { cwd: root, exclude: entry => entry === 'node_modules' })) found.push(file)
  return found.sort()
}

async function suite(title, patterns, { concurrency = 2, timeoutMs = 120_000, again = false } = {}) {
  const list = await files(patterns)
  if (list.length === 0 || runFiles(`${title} (${list.length} files)`, list, concurrency, timeoutMs)) return
  const { red, found } = failedFiles()
  if (!again || found || red.length === 0 || red.length > mostAgain) failed++
  else for (const file of red) runAgain(file, timeoutMs)
}

function runAgain(file, timeoutMs) {
  if (runFiles(`${file}, by itself`, [file], 1, timeoutMs)) unsteady.push(file)
  else failed++
}

function runFiles(title, list, concurrency, timeoutMs) {
  rmSync(failedFile, { force: true })
  const reporter = join(root, 'scripts/reporter.mjs')
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
  return run(title, process.execPath, args, {
    MESHBOOK_SKIP_FILE: skipFile,
    MESHBOOK_FAILED_FILE: failedFile,
    MESHBOOK_TIMES_FILE: timesFile,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  })
}

function failedFiles() {
  const lines = existsSync(failedFile) ? readFileSync(failedFile, 'utf8').trim().split('\n') : []
  const red = lines.map(line => relative(root, line.slice(line.indexOf(' ') + 1)))
  return { red: [...new Set(red)], found: lines.some(line => line.startsWith('found ')) }
}

function nameSlowest() {
  const lines = existsSync(timesFile) ? readFileSync(timesFile, 'utf8').trim().split('\n') : []
  const times = lines.map(line => [Number.parseInt(line, 10) / 1000, relative(root, line.slice(line.indexOf(' ') + 1))])
  const slowest = times.sort(([a], [b]) => b - a).slice(0, slowestToName)
  process.stdout.write('\n── slowest files\n')
  for (const [seconds, file] of slowest) process.stdout.write(`${seconds.toFixed(1).padStart(7)} s  ${file}\n`)
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
must('lint', biome, ['check', '.'])
must('types', tsc, ['--noEmit'])
await suite('repository rules', ['tests/repo/*.test.ts'])
await suite('core', ['packages/{core,engine}/src/**/*.test.ts'])
// A third of the time of what follows goes by with waiting, so on two processors three files run beside each other.
await suite('packages', ['packages/{relay,hub,device,web,cli}/src/**/*.test.ts', 'kernels/*/*.test.ts'], {
  concurrency: 3,
  again: true,
})
if (mode === 'all') {
  await suite('contracts', ['tests/{contract,compute-hosts,model-server}/*.test.ts'], { concurrency: 3, again: true })
  // Three mornings of a desktop whose plug is pulled, a hub, a laptop and a phone, which mostly wait; beside them real
  // workers and what wears a machine down.
  const worn = { concurrency: 2, timeoutMs: 900_000, again: true }
  await suite('machines and sandboxes', ['tests/{machines,sandbox}/*.test.ts'], worn)
  await suite('simulated worlds', ['tests/sim/**/*.test.ts'], { timeoutMs: 240_000 })
  const long = { timeoutMs: 240_000, again: true }
  await suite('crashes and network', ['tests/{crash,network}/*.test.ts'], { concurrency: 3, ...long })
  // A browser takes a processor for itself.
  await suite('end to end', ['tests/e2e/*.test.ts'], long)
}
checkSkips()
nameSlowest()
rmSync(folder, { recursive: true, force: true })
for (const file of unsteady) process.stdout.write(`\nUNSTEADY: ${file} failed beside others and passed by itself.\n`)
const minutes = ((Date.now() - begun) / 60_000).toFixed(1)
process.stdout.write(failed === 0 ? `\nAll suites passed in ${minutes} min.\n` : `\n${failed} failed.\n`)
process.exit(failed === 0 ? 0 : 1)
