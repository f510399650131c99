/** Workflows from the command line, carried on by a hub: the real command, a real hub, a strict server of models. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cleanup, command, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'

const closing: (() => unknown)[] = []
const cleanup: Cleanup = { after: close => closing.unshift(close) }
let mesh: MeshProcess
let folder: string
let models: Awaited<ReturnType<typeof startModelServer>>

const steps = {
  loop: `inputs: { names: { type: list, default: [Ada, Grace] } }
steps:
  each:
    map:
      over: '\${{ inputs.names }}'
      max_parallel: 1
      steps: { say: { transform: '"Hello " + item' } }
      output: '\${{ steps.say.output }}'
  child: { needs: each, workflow: { file: sub/child.workflow.yaml, inputs: { of: '\${{ steps.each.output[0] }}' } } }
output: '\${{ steps.child.output }}'
`,
  asks: `steps:
  ask: { gate: { ask: 'Which one?', choices: [red, blue] } }
  hear: { needs: ask, wait: { signal: ready } }
  end: { needs: hear, transform: 'steps.ask.output.choice + steps.hear.output' }
output: '\${{ steps.end.output }}'
`,
  prompt: `budget: { usd: 1.00 }
steps: { ask: { prompt: { models: [claude-haiku-4-5], user: 'Say hello', max_tokens: 50 } } }
output: '\${{ steps.ask.output }}'
`,
}

before(async () => {
  folder = await temporaryFolder(cleanup)
  models = await startModelServer({ script: () => ({ say: 'Hello from afar' }) })
  cleanup.after(() => models.close())
  mesh = await startMesh(cleanup, join(folder, 'data'), undefined, { MESHBOOK_ANTHROPIC_URL: models.url })
  await mkdir(join(folder, 'sub'))
  const child = `inputs: { of: { type: string } }\nsteps: { loud: { transform: 'inputs.of + "!"' } }\noutput: '\${{ steps.loud.output }}'\n`
  await writeFile(join(folder, 'sub/child.workflow.yaml'), `meshbook: workflow/v1\nname: child\n${child}`)
  for (const [name, text] of Object.entries(steps))
    await writeFile(join(folder, `${name}.workflow.yaml`), `meshbook: workflow/v1\nname: ${name}\n${text}`)
})

after(async () => {
  for (const close of closing) await close()
})

const file = (name: keyof typeof steps) => join(folder, `${name}.workflow.yaml`)
const workflow = (...args: string[]) => command(['workflow', ...args, '--data', mesh.data])
const eventsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { run: string; seq: number; event: { type: string; event?: { type: string } } })

test('WF110 the same file says the same at a hub as on this machine: events, output, exit code', async () => {
  const here = await workflow('run', file('loop'), '--json')
  const there = await workflow('run', file('loop'), '--json', '--mode', 'cloud')
  assert.deepEqual([here.code, there.code], [0, 0], there.stderr)
  const kinds = (stdout: string) => eventsOf(stdout).map(({ seq, event }) => [seq, event.event?.type ?? event.type])
  assert.deepEqual(kinds(there.stdout), kinds(here.stdout))
  const shown = await workflow('run', file('loop'), '--execution', 'cloud', '--input', 'names=["Alan"]')
  assert.equal(shown.stdout, '"Hello Alan!"\n', shown.stderr)
  assert.match(shown.stderr, /^loop is run_\w+ at http/)
  const { stdout } = await workflow('runs', '--execution', 'cloud', '--json')
  const listed = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { name: string; status: string })
  assert.deepEqual(
    listed.map(({ name, status }) => [name, status]),
    [
      ['loop', 'completed'],
      ['loop', 'completed'],
    ],
  )
})

test('WF111 a run at a hub is left where only people go on, told, followed again, forked and cancelled', async () => {
  const left = await workflow('run', file('asks'), '--execution', 'cloud', '--no-wait')
  assert.equal(left.code, 11, left.stderr)
  assert.match(left.stderr, /`meshbook gate list`/)
  const id = /run_\w+/.exec(left.stderr)![0]
  assert.match((await workflow('resume', id)).stderr, /no run .* on this machine.*--execution cloud/)
  const gates = await command(['gate', 'list', '--json', '--data', mesh.data])
  const gate = JSON.parse(gates.stdout) as { id: string; run: string; digest: string }
  assert.equal(gate.run, id)
  const decide = (...args: string[]) =>
    command(['gate', 'approve', gate.id, '--digest', gate.digest, ...args, '--data', mesh.data])
  assert.notEqual((await decide('--choice', 'green')).code, 0, 'it is not offered')
  assert.equal((await decide('--choice', 'blue')).code, 0)
  assert.equal((await workflow('resume', id, '--execution', 'cloud', '--no-wait')).code, 11, 'it waits for a signal')
  assert.equal((await workflow('signal', id, 'ready', '" sky"', '--execution', 'cloud')).code, 0)
  const ended = await workflow('resume', id, '--execution', 'cloud')
  assert.deepEqual([ended.code, ended.stdout], [0, '"blue sky"\n'], ended.stderr)

  const forked = await workflow('fork', id, 'hear', '--execution', 'cloud', '--no-wait')
  assert.equal(forked.code, 11, forked.stderr)
  const second = /run_\w+/.exec(forked.stderr)![0]
  assert.notEqual(second, id)
  assert.equal((await workflow('budget', second, '2.00', '--execution', 'cloud')).code, 0)
  assert.equal((await workflow('cancel', second, '--execution', 'cloud')).code, 0)
  assert.equal((await workflow('resume', second, '--execution', 'cloud')).code, 130)
})

test('WF112 models that the hub pays for are asked through its gateway by steps that run here', async () => {
  const key = await command(['keys', 'set', 'anthropic', '--data', mesh.data], {}, 60_000, `${models.key}\n`)
  assert.equal(key.code, 0, key.stderr)
  const own = await workflow('run', file('prompt'))
  assert.equal(own.code, 10, 'this machine has no key')
  const ran = await workflow('run', file('prompt'), '--execution', 'local', '--inference', 'managed')
  assert.deepEqual([ran.code, ran.stdout], [0, '"Hello from afar"\n'], ran.stderr)
  assert.equal(models.asked.length, 1)
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes(models.key))
  const { hub, token } = JSON.parse((await command(['token', '--json', '--data', mesh.data])).stdout) as {
    hub?: string
    token: string
  }
  const list = await fetch(`${hub ?? mesh.url}/api/v1/model-keys`, { headers: { authorization: `Bearer ${token}` } })
  assert.deepEqual(((await list.json()) as { items: unknown[] }).items, [], 'its token has ended')
})

test('WF113 where no hub answers nothing runs elsewhere: the error names the switch', async () => {
  const lone = join(folder, 'lone')
  for (const [args, named] of [
    [['--execution', 'cloud'], '--execution local'],
    [['--inference', 'managed'], '--inference byok'],
  ] as const) {
    const { code, stderr, stdout } = await command(['workflow', 'run', file('prompt'), ...args, '--data', lone])
    assert.notEqual(code, 0)
    assert.ok(stderr.includes(named), stderr)
    assert.equal(stdout, '')
  }
})
