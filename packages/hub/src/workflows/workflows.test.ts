import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Gate, Run } from '@meshbook/core/api.ts'
import type { WorkflowFiles, WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { approve, workflowScene as scene } from '../testing/workflow-scene.ts'

test('WQ1 WQ40 a workflow with map, repeat, child and wait runs to its end at the hub; its log is that of the run', async t => {
  const { run, ended, output, log, json } = await scene(t)
  const child =
    "meshbook: workflow/v1\nname: twice\ninputs: { n: { type: integer } }\nsteps:\n  t: { transform: 'inputs.n * 2' }\noutput: '${{ steps.t.output }}'\n"
  const id = await run(
    `  each: { map: { over: [1, 2, 3], max_parallel: 2, steps: { t: { transform: 'item * 10' } }, output: '\${{ steps.t.output }}' } }
  again: { needs: each, repeat: { max: 3, until: round == 2, steps: { t: { transform: round } }, output: '\${{ steps.t.output }}' } }
  rest: { needs: again, wait: { for: 50ms } }
  child: { needs: rest, workflow: { file: sub/b.yaml, inputs: { n: '\${{ steps.again.output }}' } } }
output: { each: '\${{ steps.each.output }}', child: '\${{ steps.child.output }}' }
`,
    { files: { 'sub/b.yaml': child } },
  )
  await ended(id)
  assert.deepEqual(await output(id), { each: [10, 20, 30], child: 4 })
  const events = await log(id)
  assert.equal(events.at(-1)!.type, 'completed')
  const { kind, status } = await json<Run>('GET', `/runs/${id}`)
  assert.deepEqual([kind, status], ['workflow', 'completed'])
})

test('WQ1 the same id with the same words is the same run, and with others it is refused', async t => {
  const { run, api, ended } = await scene(t)
  assert.equal(await run("  a: { transform: '1' }\n", { id: 'run_mine' }), 'run_mine')
  await ended('run_mine')
  assert.equal(await run("  a: { transform: '1' }\n", { id: 'run_mine' }), 'run_mine')
  const text = "meshbook: workflow/v1\nname: other\nsteps:\n  a: { transform: '2' }\n"
  const again = await api('POST', '/workflow-runs', { id: 'run_mine', file: 'a.yaml', files: { 'a.yaml': text } })
  assert.deepEqual([again.status, ((await again.json()) as { code: string }).code], [409, 'RUN_EXISTS'])
})

test('WQ2 WQ40 faults of files are told all at once with their places, and steps that a hub cannot do are named', async t => {
  const { api } = await scene(t)
  const ask = async (text: string, files: Record<string, string> = {}) => {
    const answer = await api('POST', '/workflow-runs', { file: 'a.yaml', files: { 'a.yaml': text, ...files } })
    return { status: answer.status, text: JSON.stringify(await answer.json()) }
  }
  const head = 'meshbook: workflow/v1\nname: x\nsteps:\n'
  const wrong = await ask(`${head}  a: { transfrom: '1' }\n  b: { nedds: a, transform: '1' }\n`)
  assert.ok(wrong.status >= 400 && wrong.status < 500)
  assert.match(wrong.text, /a\.yaml:4:\d+.*transform/)
  assert.match(wrong.text, /a\.yaml:5:\d+/)
  const far = await ask(`${head}  a: { notify: { title: x, ways: [desktop] } }\n`)
  assert.match(far.text, /a: a hub has no desktop/)
  assert.match((await ask(`${head}  a: { workflow: { file: b.yaml } }\n`)).text, /b\.yaml is not among the files/)
})

test('WQ20 WQ11 a signal and a larger wait: the run leaves memory and goes on when it is sent what it waits for', async t => {
  const { run, json, waits, ended, output, show } = await scene(t)
  const id = await run("  a: { wait: { signal: ready } }\noutput: '${{ steps.a.output }}'\n")
  await waits(id, 'signal')
  assert.equal((await show(id)).dueAt, null)
  await json('POST', `/workflow-runs/${id}/signals`, { id: 's1', name: 'ready', value: { n: 3 } })
  await json('POST', `/workflow-runs/${id}/signals`, { id: 's1', name: 'ready', value: { n: 3 } })
  await ended(id)
  assert.deepEqual(await output(id), { n: 3 })
})

test('WQ21 a gate of a step is a gate of the hub: a choice that does not fit decides nothing, the first that fits wins', async t => {
  const { run, api, gate, ended, output } = await scene(t)
  const id = await run(
    "  ask: { gate: { ask: 'Which?', choices: [blue, red] } }\noutput: '${{ steps.ask.output.choice }}'\n",
  )
  const asked = await gate(id)
  assert.deepEqual([asked.title, asked.choices, asked.state], ['Which?', ['blue', 'red'], 'open'])
  const decide = (body: object) => api('POST', `/gates/${asked.id}/decide`, body)
  assert.equal((await decide(approve(asked, { choice: 'green' }))).status, 400)
  assert.equal((await decide(approve(asked, { digest: 'a'.repeat(64), choice: 'red' }))).status, 409)
  assert.equal((await decide(approve(asked, { choice: 'red' }))).status, 200)
  assert.equal((await decide(approve(asked, { choice: 'blue' }))).status, 409)
  await ended(id)
  assert.equal(await output(id), 'red')
})

test('WQ21 a gate that nobody decides does what the file says, and is expired for everybody', async t => {
  const { run, ended, json } = await scene(t)
  const id = await run("  ask: { gate: { ask: 'Which?', timeout: 300ms, on_timeout: reject } }\n")
  await ended(id, 'failed')
  const { items } = await json<{ items: Gate[] }>('GET', `/gates?run=${id}`)
  assert.deepEqual(
    items.map(({ state }) => state),
    ['expired'],
  )
})

test('WQ22 a run is cancelled while it waits and while it works, also as the run that it is', async t => {
  const { run, json, api, waits, ended } = await scene(t)
  const first = await run('  a: { wait: { signal: never } }\n')
  await waits(first, 'signal')
  await json('POST', `/workflow-runs/${first}/cancel`, { reason: 'enough' })
  await ended(first, 'cancelled')
  const second = await run('  a: { wait: { for: 1s } }\n  b: { needs: a, wait: { for: 60s } }\n')
  await json('POST', `/runs/${second}/cancel`, {})
  await ended(second, 'cancelled')
  const late = await api('POST', `/workflow-runs/${second}/signals`, { name: 'x' })
  assert.deepEqual([late.status, ((await late.json()) as { code: string }).code], [409, 'RUN_ENDED'])
})

test('WQ30 WQ31 a place is given in order and given back with the end; a run that waits for one is cancelled', async t => {
  const { run, json, waits, ended, show } = await scene(t)
  const head = 'concurrency: { key: one, limit: 1 }'
  const ids: string[] = []
  for (let i = 0; i < 4; i++) ids.push(await run('  a: { wait: { signal: go } }\n', { head, inputs: {} }))
  await waits(ids[0]!, 'signal')
  for (const id of ids.slice(1)) await waits(id, 'place')
  await json('POST', `/workflow-runs/${ids[1]}/cancel`, {})
  await ended(ids[1]!, 'cancelled')
  assert.deepEqual((await show(ids[2]!)).waits, ['place'])
  await json('POST', `/workflow-runs/${ids[0]}/signals`, { name: 'go' })
  await ended(ids[0]!)
  await waits(ids[2]!, 'signal')
  assert.deepEqual((await show(ids[3]!)).waits, ['place'])
  const refused = await run("  a: { transform: '1' }\n", {
    head: 'concurrency: { key: one, limit: 1, on_conflict: reject }',
  })
  await ended(refused, 'failed')
})

test('WQ12 a hub that starts again goes on with what waited, and a fork keeps what came before its step', async t => {
  const hub = await scene(t)
  const id = await hub.run(
    "  a: { transform: '{\"n\": 1}' }\n  ask: { needs: a, gate: { ask: 'Go on?' } }\n  b: { needs: ask, transform: 'steps.a.output.n + 1' }\noutput: '${{ steps.b.output }}'\n",
  )
  await hub.waits(id, 'gate')
  await hub.restart()
  const asked = await hub.gate(id)
  await hub.json('POST', `/gates/${asked.id}/decide`, approve(asked))
  await hub.ended(id)
  const fork = await hub.json<WorkflowRun>('POST', `/workflow-runs/${id}/fork`, { step: 'b' })
  await hub.ended(fork.id)
  assert.equal(await hub.output(fork.id), 2)
  const began = (await hub.log(fork.id)).filter(
    event => event.type === 'workflow' && event.event.type === 'gate-opened',
  )
  assert.deepEqual(began, [])
})

test('WQ5 WQ6 the files of a run begin the same run again, and the list is asked by status and a part of the name', async t => {
  const { run, json, ended, show, api } = await scene(t)
  const files = { 'b.yaml': "meshbook: workflow/v1\nname: inner\nsteps:\n  t: { transform: '1' }\n" }
  const id = await run('  a: { workflow: { file: b.yaml } }\n', { files })
  await ended(id)
  const told = await json<WorkflowFiles>('GET', `/workflow-runs/${id}/files`)
  assert.deepEqual(Object.keys(told.files), [told.file, 'b.yaml'])
  const again = await json<WorkflowRun>('POST', '/workflow-runs', told)
  assert.equal(again.definition, (await show(id)).definition)
  await ended(again.id)
  const asked = async (query: string) =>
    (await json<{ items: WorkflowRun[] }>('GET', `/workflow-runs?${query}`)).items.length
  assert.deepEqual(
    [await asked('status=completed'), await asked('status=failed'), await asked('find=EM'), await asked('find=d%25o')],
    [2, 0, 2, 0],
  )
  assert.equal((await api('GET', '/workflow-runs?status=great')).status, 400)
})

test('WQ3 nobody else sees or changes a run', async t => {
  const { run, hub } = await scene(t)
  const id = await run('  a: { wait: { signal: x } }\n')
  const answers = ['', '/files', '/cancel', '/signals', '/budget', '/fork'].map(path =>
    fetch(`${hub.url}/api/v1/workflow-runs/${id}${path}`, {
      method: path === '' || path === '/files' ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      ...(path !== '' && path !== '/files' && { body: '{}' }),
    }),
  )
  for (const { status } of await Promise.all(answers)) assert.equal(status, 401)
})

test('WQ40 a secret is of its kind, goes to its host alone, and is blanked where an answer repeats it', async t => {
  const value = 'Bearer canary "4711"'
  const heard: (string | undefined)[] = []
  const server = createServer((request, response) => {
    heard.push(request.headers.authorization)
    const said = { plain: request.headers.authorization, list: [`${request.headers.authorization}!`] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const { run, ended, show, output, log, json } = await scene(t, { env: { MESHBOOK_WORKFLOWS_PRIVATE: '1' } })
  await json('PUT', '/keys/HERE', { kind: 'secret', value, at: host })
  await json('PUT', '/keys/ELSEWHERE', { kind: 'secret', value, at: 'api.example.com' })
  await json('PUT', '/keys/MODEL', { kind: 'anthropic', value: 'sk-4711' })
  const step = (name: string) =>
    `  ask: { http: { url: 'http://${host}/', headers: { authorization: '\${{ secrets.${name} }}' } } }`
  const head = "output: '${{ steps.ask.output.body }}'"
  const well = await run(step('HERE'), { head })
  await ended(well)
  assert.deepEqual(heard, [value])
  assert.deepEqual(await output(well), { plain: '[secret]', list: ['[secret]!'] })
  assert.ok(!JSON.stringify(await log(well)).includes('4711'))
  for (const [name, why] of [
    ['ELSEWHERE', /is for api\.example\.com alone/],
    ['MODEL', /of kind anthropic/],
    ['NONE', /has no key "NONE"/],
  ] as const) {
    const refused = await run(step(name))
    await ended(refused, 'failed')
    assert.match((await show(refused)).error!.message, why)
  }
  assert.equal(heard.length, 1, 'nothing was sent')
})
