/** Servers of the Model Context Protocol in real workers (TW50, TW51): in bubblewrap, by the official library. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TaskToolServer } from '@meshbook/core/broker.ts'
import { answers, inOrder } from '../model-server/script.ts'
import { bubblewrap, type DriverBed } from './driver-beds.ts'
import { WorkerBed } from './worker-bed.ts'

const source = await readFile(join(import.meta.dirname, '../agents/mcp-task-server.ts'), 'utf8')
const argv = ['/opt/meshbook/node', '/work/repo/server.ts', '/opt/meshbook/package.json']
const docs: TaskToolServer = {
  ...{ name: 'docs', argv, env: { LEVEL: '2' } },
  ...{ rule: 'ask', tools: { find: 'auto', remove: 'never' } },
}
const gone: TaskToolServer = { name: 'gone', argv: ['no-such-server'], env: {}, rule: 'auto', tools: {} }

describe('servers of tools in a task worker', { skip: bubblewrap.skip }, () => {
  let driver: DriverBed | undefined
  const enders: (() => unknown)[] = []
  before(async () => {
    driver = await bubblewrap.open({ after: end => void enders.push(end) })
  })
  after(async () => {
    for (const end of enders.reverse()) await end()
  })

  test('TW50, TW51 tools are used where tools are, ask as they are to, and what is missing is told', {
    timeout: 120_000,
  }, async t => {
    const use = (tool: string) => ({ calls: [{ tool, input: { text: 'this' } }] })
    const worker = await WorkerBed.open(t, {
      driver: driver!.driver,
      files: { 'server.ts': source, 'package.json': '{"type":"module"}\n' },
      script: inOrder(use('mcp_docs_find'), use('mcp_docs_change'), ask => ({ say: answers(ask)[0]!.text })),
      // What the operator never allows no task can.
      order: { toolServers: [gone, docs], tools: { mcp_docs_remove: 'auto' } },
    })
    const id = await worker.start()
    const gate = await worker.until('a person is asked', () => worker.log.find(({ type }) => type === 'gate-opened'))
    assert.ok(gate.type === 'gate-opened')
    assert.match(gate.shown, /^docs: change\n\n\{\n {2}"text": "this"\n\}$/)
    const decided = { gate: gate.gate, decision: 'rejected', digest: 'a', nonce: gate.nonce } as const
    await worker.tell({ type: 'gate', ...decided, by: 'ada', comment: 'not that' })
    const end = await worker.finished()
    assert.equal(end.outcome, 'done', JSON.stringify(worker.events, null, 1))
    const [found, changed] = worker.all('tool-ended')
    assert.deepEqual([found?.ok, found?.content], [true, 'find this by 10002 with 2'])
    assert.equal(changed?.ok, false)
    assert.match(end.summary, /Refused by ada: not that/)
    assert.match(worker.all('notice')[0]?.text ?? '', /^The server gone cannot be used: /)
    const offered = (worker.models.asked[0]!.tools as string[]).filter(name => name.startsWith('mcp_'))
    assert.deepEqual(offered, ['mcp_docs_find', 'mcp_docs_change'])
    await worker.stop(id)
  })
})
