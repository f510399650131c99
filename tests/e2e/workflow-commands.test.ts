/** Workflows from the command line, on a machine that has no hub: the real command, a real server, a real database file. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { command, eventually, temporaryFolder } from '../mesh-process.ts'

async function scene(t: TestContext, files: Record<string, string>) {
  const folder = await temporaryFolder(t)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const data = join(folder, 'data')
  const workflow = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    command(
      ['workflow', ...args.map(arg => (Object.hasOwn(files, arg) ? join(folder, arg) : arg)), '--data', data],
      env,
    )
  return { folder, data, workflow }
}

const head = 'meshbook: workflow/v1\nname: w\n'
/** Of a run, of an event, or of a gate. */
interface Line {
  seq: number
  event: { type: string }
  status: string
  name: string
  gate: string
  run: string
}
const jsonLines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Line)

test('WF90 exit codes: 0 completed, 10 failed, 11 waits for a gate, 2 for a file that is wrong', async t => {
  const { workflow } = await scene(t, {
    'good.yaml': `${head}inputs: { n: { type: integer } }\nsteps: { a: { transform: inputs.n + 1 } }\noutput: '\${{ steps.a.output }}'`,
    'bad.yaml': `${head}steps: { a: { nedes: [b], wait: { for: 1s } } }`,
    'fails.yaml': `${head}steps: { a: { transform: 'parseJson("x")' } }`,
    'asks.yaml': `${head}steps: { a: { gate: { ask: Go? } } }`,
    'far.yaml': `${head}steps: { a: { publish: { document: a.md } } }`,
  })
  const good = await workflow(['run', 'good.yaml', '--input', 'n=41'])
  assert.deepEqual([good.code, JSON.parse(good.stdout)], [0, 42], good.stderr)
  const bad = await workflow(['run', 'bad.yaml'])
  assert.equal(bad.code, 2)
  assert.match(bad.stderr, /bad\.yaml:3:15 steps\.a\.nedes: "nedes" is no key of a step; did you mean "needs"\?/)
  assert.equal((await workflow(['validate', 'bad.yaml'])).code, 2)
  assert.equal((await workflow(['run', 'fails.yaml'])).code, 10)
  assert.equal((await workflow(['run', 'asks.yaml'])).code, 11)
  const far = await workflow(['run', 'far.yaml'])
  assert.equal(far.code, 2)
  assert.match(far.stderr, /a: a step of kind publish needs a hub; publish with `meshbook publish`/)
  const missing = await workflow(['run', 'good.yaml'])
  assert.deepEqual([missing.code, /the input "n" of w is missing/.test(missing.stderr)], [2, true])
  const cloud = await workflow(['run', 'good.yaml', '--execution', 'cloud', '--explain'])
  assert.equal(cloud.code, 4)
  assert.match(cloud.stderr, /--execution: cloud[\s\S]*--execution local/)
})

test('WF91 --json is one numbered event a line, and the log is in the file before it is shown', async t => {
  const { workflow } = await scene(t, {
    'a.yaml': `${head}steps: { a: { notify: { title: Hello } }, b: { needs: a, wait: { for: 100ms } } }`,
  })
  const ran = await workflow(['run', 'a.yaml', '--json'])
  const lines = jsonLines(ran.stdout)
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_, i) => i + 1),
  )
  assert.equal(lines.at(-1)!.event.type, 'completed')
  const [run] = jsonLines((await workflow(['runs', '--json'])).stdout)
  assert.deepEqual([run!.status, run!.name], ['completed', 'w'])
})

test('WF92 a gate is decided from another terminal while the run waits, once; or before it is resumed', async t => {
  const { workflow, data, folder } = await scene(t, {
    'a.yaml': `${head}steps: { a: { gate: { ask: Which?, choices: [red, blue] } } }\noutput: '\${{ steps.a.output.choice }}'`,
  })
  const waiting = command(['workflow', 'run', join(folder, 'a.yaml'), '--wait', '--data', data])
  let gate = ''
  await eventually('the gate is open', async () => {
    gate = jsonLines((await workflow(['gates', '--json'])).stdout)[0]?.gate ?? ''
    return gate !== ''
  })
  const wrong = await workflow(['gates', 'approve', gate])
  assert.deepEqual([wrong.code, /one of red, blue must be chosen/.test(wrong.stderr)], [2, true])
  const [first, second] = await Promise.all([
    workflow(['gates', 'approve', gate, '--choice', 'blue']),
    workflow(['gates', 'approve', gate, '--choice', 'blue']),
  ])
  assert.equal([first, second].filter(({ code }) => code === 0).length, 1, first.stderr + second.stderr)
  const done = await waiting
  assert.deepEqual([done.code, JSON.parse(done.stdout)], [0, 'blue'], done.stderr)
})

test('WF93 http: JSON is read, secrets come from the environment and are stored nowhere, private addresses need leave', async t => {
  const heard: { url: string; headers: Record<string, unknown>; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => {
      body += piece.toString()
    })
    request.on('end', () => {
      heard.push({ url: request.url!, headers: request.headers, body })
      if (request.url === '/away') return void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
      const status = request.url === '/flaky' && heard.filter(({ url }) => url === '/flaky').length < 3 ? 503 : 200
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ rows: [1, 2] }))
    })
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const step = (more: string): string =>
    `${head}steps: { a: { retry: { attempts: 4, initial: 1ms }, http: { ${more} } } }\noutput: '\${{ steps.a.output.body.rows[1] }}'`
  const { workflow, data } = await scene(t, {
    'post.yaml': step(
      `url: '${url}/flaky', method: POST, headers: { authorization: 'Bearer \${{ secrets.API }}' }, body: { n: 1 }`,
    ),
    'away.yaml': step(`url: '${url}/away'`),
  })
  const secret = 'canary-4f1c9e'
  const refused = await workflow(['run', 'post.yaml'], { MESHBOOK_SECRET_API: secret })
  assert.equal(refused.code, 10)
  assert.match(refused.stderr, /--allow-private/)
  assert.equal(heard.length, 0)
  const sent = await workflow(['run', 'post.yaml', '--allow-private', '--json'], { MESHBOOK_SECRET_API: secret })
  assert.equal(sent.code, 0, sent.stdout)
  assert.equal(heard.length, 3)
  assert.deepEqual([heard[0]!.headers.authorization, heard[0]!.body], [`Bearer ${secret}`, '{"n":1}'])
  assert.equal(
    new Set(heard.map(({ headers }) => headers['idempotency-key'])).size,
    3,
    'nothing was done: each try is another',
  )
  assert.ok(!sent.stdout.includes(secret) && !sent.stderr.includes(secret))
  for (const name of await readdir(join(data, 'workflows')))
    assert.ok(!(await readFile(join(data, 'workflows', name))).includes(secret), name)
  const away = await workflow(['run', 'away.yaml', '--allow-private'])
  assert.equal(away.code, 10)
  assert.match(away.stderr, /status 302; redirects are not followed/)
  const none = await workflow(['run', 'post.yaml', '--allow-private'])
  assert.match(none.stderr, /set MESHBOOK_SECRET_API in the environment/)
})

test('WF94 an edited file is for new runs: one that waits goes on as it was begun, its children too; a fork keeps results', async t => {
  const child = (text: string): string =>
    `meshbook: workflow/v1\nname: child\nsteps: { x: { transform: '"${text}"' } }\noutput: '\${{ steps.x.output }}'`
  const parent = `${head}steps:\n  a: { gate: { ask: Go? } }\n  b: { needs: a, workflow: { file: child.yaml } }\n  c: { needs: b, transform: steps.b.output + "!" }\noutput: '\${{ steps.c.output }}'`
  const { workflow, folder } = await scene(t, { 'a.yaml': parent, 'child.yaml': child('old') })
  assert.equal((await workflow(['run', 'a.yaml'])).code, 11)
  await writeFile(join(folder, 'child.yaml'), child('new'))
  await writeFile(join(folder, 'a.yaml'), 'not a workflow any more')
  const [asked] = jsonLines((await workflow(['gates', '--json'])).stdout)
  await workflow(['gates', 'approve', asked!.gate])
  const done = await workflow(['resume', asked!.run])
  assert.deepEqual([done.code, JSON.parse(done.stdout)], [0, 'old!'], done.stderr)
  const forked = await workflow(['fork', asked!.run, 'c'])
  assert.deepEqual([forked.code, JSON.parse(forked.stdout)], [0, 'old!'], forked.stderr)
  assert.ok(!forked.stderr.includes('? a asks'))
})

test('WF95 Ctrl+C cancels the run, SIGTERM leaves it to be resumed; another process waits for its place', async t => {
  const { workflow, data, folder } = await scene(t, {
    'slow.yaml': `${head}concurrency: { key: one }\nsteps: { a: { wait: { for: 20s } } }`,
    'reject.yaml': `${head}concurrency: { key: one, on_conflict: reject }\nsteps: { a: { wait: { for: 3s } } }`,
  })
  const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
  const begin = async () => {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, 'workflow', 'run', join(folder, 'slow.yaml'), '--data', data],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    child.stderr.on('data', (piece: Buffer) => {
      said += piece.toString()
    })
    const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
    await eventually('it waits', async () => said.includes('… a waits'))
    return { child, ended, id: /run_\w+/.exec(said)![0] }
  }
  const first = await begin()
  const rejected = await workflow(['run', 'reject.yaml'])
  assert.deepEqual([rejected.code, /another run has "w\/one"/.test(rejected.stderr)], [10, true], rejected.stderr)
  first.child.kill('SIGINT')
  assert.equal(await first.ended, 130)
  const second = await begin()
  second.child.kill('SIGTERM')
  assert.equal(await second.ended, 130)
  const [stopped, cancelled] = jsonLines((await workflow(['runs', '--json'])).stdout).filter(
    ({ status }) => status !== 'failed',
  )
  assert.deepEqual([stopped!.status, cancelled!.status], ['running', 'cancelled'])
  assert.equal((await workflow(['resume', second.id])).code, 0)
})

test('WF97 a mode that is kept answers until a flag does; an unreachable one is an error that names the switch', async t => {
  const { workflow, data } = await scene(t, { 'a.yaml': `${head}steps: { a: { transform: '1' } }` })
  assert.equal((await workflow(['mode', 'cloud'])).code, 0)
  assert.equal((await stat(join(data, 'workflows', 'mode.json'))).mode & 0o777, 0o600)
  const cloud = await workflow(['run', 'a.yaml', '--explain'])
  assert.deepEqual([cloud.code, /this machine: cloud[\s\S]*--execution local/.test(cloud.stderr)], [4, true])
  assert.equal((await workflow(['run', 'a.yaml', '--mode', 'local'])).code, 0)
  assert.equal((await workflow(['mode', '--forget'])).code, 0)
  const shown = jsonLines((await workflow(['mode', '--json'])).stdout)[0] as unknown as { execution: string }
  assert.equal(shown.execution, 'local')
  assert.equal((await workflow(['run', 'a.yaml'])).code, 0)
})

test('WF98 list has the files of a folder, what starts them, their faults, and their last run here', async t => {
  const { workflow, folder } = await scene(t, {
    'one.workflow.yaml': `${head}on: { schedule: { cron: '0 6 * * *' } }\nsteps: { a: { transform: '1' } }`,
    'wrong.workflow.yaml': `${head}steps: { a: {} }`,
    'other.yaml': 'x: 1',
  })
  assert.equal((await workflow(['run', 'one.workflow.yaml'])).code, 0)
  await mkdir(join(folder, 'below', '.hidden'), { recursive: true })
  const below = `${head}on: { manual: false, webhook: { secret: S } }\nsteps: { a: { transform: '1' } }`
  await writeFile(join(folder, 'below', 'two.workflow.yml'), below)
  await writeFile(join(folder, 'below', '.hidden', 'no.workflow.yml'), below)
  const found = jsonLines((await workflow(['list', folder, '--json'])).stdout) as unknown as Record<string, unknown>[]
  assert.deepEqual(
    found.map(({ file, starts, problems, last }) => [file, starts, problems, (last as Line | null)?.status]),
    [
      [join(folder, 'one.workflow.yaml'), ['by hand', 'schedule'], 0, 'completed'],
      [join(folder, 'wrong.workflow.yaml'), [], 1, undefined],
      [join(folder, 'below/two.workflow.yml'), ['webhook'], 0, undefined],
    ],
  )
  const table = await workflow(['list', folder])
  assert.match(table.stdout, /below\/two\.workflow\.yml +w +1 +webhook +never here/)
  assert.match(table.stdout, /wrong\.workflow\.yaml .*a fault: see validate/)
  assert.equal((await workflow(['list', join(folder, 'nowhere')])).code === 0, false)
})
