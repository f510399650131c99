/** The client of docs/surfaces.md, as it stands there, over a hub that is killed while it follows. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { eventually, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = `mb_${'5u2face5'.repeat(6)}`
const workflow = `meshbook: workflow/v1
name: greet
inputs: { names: { type: list } }
steps:
  each:
    map:
      over: '\${{ inputs.names }}'
      max_parallel: 1
      steps:
        rest: { wait: { for: 1s } }
        say: { needs: rest, transform: '"Hello " + item' }
      output: '\${{ steps.say.output }}'
output: '\${{ steps.each.output }}'
`

test('the sixty lines of docs/surfaces.md start a run and follow it over a hub that is killed', async t => {
  const folder = await temporaryFolder(t)
  const docs = await readFile(new URL('../../docs/surfaces.md', import.meta.url), 'utf8')
  const client = /^```js\n([\s\S]*?)^```$/m.exec(docs)![1]!
  assert.ok(client.split('\n').length <= 61, 'it is sixty lines')
  await mkdir(join(folder, 'client'))
  await writeFile(join(folder, 'client/follow.mjs'), client)
  await writeFile(join(folder, 'client/greet.workflow.yaml'), workflow)
  await writeFile(join(folder, 'client/wrong.workflow.yaml'), workflow.replace('transform:', 'transfrom:'))
  const start = (port: string) =>
    startProcess(t, join(folder, 'hub'), ['hub', '--port', port], { MESHBOOK_BOOTSTRAP_TOKEN: token })
  const hub = await start('0')
  const made = await fetch(`${hub.url}/api/v1/projects`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Demo' }),
  })
  assert.equal(made.status, 201, await made.text())
  const follow = (file: string) =>
    spawn(process.execPath, ['follow.mjs', file, '{"names":["Ada","Grace","Alan","Mary"]}'], {
      cwd: join(folder, 'client'),
      env: { PATH: process.env.PATH, MESHBOOK_URL: hub.url, MESHBOOK_TOKEN: token },
      timeout: 120_000,
    })

  const wrong = follow('wrong.workflow.yaml')
  assert.match(await text(wrong.stderr), /BAD_WORKFLOW/)
  assert.notEqual(wrong.exitCode, 0)

  const running = follow('greet.workflow.yaml')
  let printed = ''
  running.stdout.setEncoding('utf8').on('data', (piece: string) => (printed += piece))
  const errors = text(running.stderr)
  await eventually('two are greeted', () => /step-ended each\[1\]\.say succeeded/.test(printed))
  await hub.kill('SIGKILL')
  await start(new URL(hub.url).port)
  const code = running.exitCode ?? (await new Promise(resolve => running.once('close', resolve)))
  assert.equal(code, 0, await errors)
  const lines = printed.trim().split('\n')
  assert.match(lines[0]!, /^greet is run_/)
  assert.equal(lines.filter(line => line.startsWith('began')).length, 1)
  const ended = lines.filter(line => line.startsWith('step-ended') && line.includes('.say'))
  assert.deepEqual(
    ended,
    [0, 1, 2, 3].map(index => `step-ended each[${index}].say succeeded`),
  )
  assert.match(lines.at(-1)!, /^ended {2}completed/)
})
