import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import type { DocumentKey } from './store/document-store.ts'
import { SocketClient } from './testing/socket-client.ts'
import { newKey, openDocuments, temporaryFolder, until } from './testing/temporary.ts'

const program = fileURLToPath(new URL('./testing/relay-program.ts', import.meta.url))

interface Running {
  child: ChildProcess
  url: string
  lines: string[]
}

async function start(t: TestContext, command: string, args: string[]): Promise<Running> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  t.after(() => child.exitCode ?? child.signalCode ?? killGroup(child))
  const lines: string[] = []
  child.stdout.on('data', (data: Buffer) => lines.push(...data.toString().split('\n').filter(Boolean)))
  await until(() => lines.length > 0, 'the relay prints its address')
  return { child, url: lines[0]!, lines }
}

/** The program and, where there is one, the tracer above it. */
function killGroup(child: ChildProcess): void {
  process.kill(-child.pid!, 'SIGKILL')
}

function isGroupAlive(child: ChildProcess): boolean {
  try {
    process.kill(-child.pid!, 0)
    return true
  } catch {
    return false
  }
}

const startRelayProgram = (t: TestContext, file: string, key: DocumentKey) =>
  start(t, process.execPath, [program, file, key.org, key.document])

async function readStored(t: TestContext, file: string, key: DocumentKey) {
  const { store, database } = await openDocuments(t, file)
  const { snapshot, tail, position } = await store.open(key)
  await database.close()
  const doc = new Y.Doc()
  for (const update of snapshot ? [snapshot.data, ...tail] : tail) Y.applyUpdate(doc, update)
  assert.equal(doc.store.pendingStructs, null)
  return { doc, snapshot, position }
}

/** Every struct that one document has, the other has too. */
function assertContains(whole: Y.Doc, part: Y.Doc, who: string): void {
  const has = Y.decodeStateVector(Y.encodeStateVector(whole))
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(part))) {
    assert.ok(
      (has.get(client) ?? 0) >= clock,
      `${who} saw ${clock} structs of ${client}, ${has.get(client) ?? 0} are stored`,
    )
  }
}

test('kill -9 under load: nothing that was acknowledged or seen by another client is lost (I1, I9, RL1, RL51)', async t => {
  const file = join(await temporaryFolder(t), 'documents.sqlite')
  const key = newKey()
  let acknowledged = 0
  let snapshots = 0
  for (let round = 0; round < 3; round++) {
    const { child, url } = await startRelayProgram(t, file, key)
    const clients = [new SocketClient(url), new SocketClient(url), new SocketClient(url)]
    await Promise.all(clients.map(client => client.open()))
    await until(() => clients.every(({ client }) => client.synced))
    const [first, second, reader] = clients as [SocketClient, SocketClient, SocketClient]
    const killAt = Date.now() + 500 + round * 70
    while (Date.now() < killAt) {
      for (const { doc } of [first, second])
        for (let i = 0; i < 5; i++) doc.getArray<number>(`writer ${round} ${doc.clientID}`).push([i])
      await new Promise(resolve => setImmediate(resolve))
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    await until(() => clients.every(client => !client.isOpen))
    const { doc, snapshot } = await readStored(t, file, key)
    assertContains(doc, reader.doc, 'the reader')
    for (const writer of [first, second]) {
      const kept = doc.getArray(`writer ${round} ${writer.doc.clientID}`).length
      assert.ok(kept >= writer.durable, `${writer.durable} edits were acknowledged, ${kept} are stored`)
      acknowledged += writer.durable
    }
    if (snapshot) snapshots++
    for (const client of clients) client.close()
  }
  assert.ok(acknowledged > 100 && snapshots > 0, `${acknowledged} acknowledged, ${snapshots} rounds met a compaction`)
})

const hasStrace = (() => {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

test('when fsync fails, nothing more is acknowledged or passed on, and it is said (I1, RL6, RL83)', {
  skip: !hasStrace && 'needs strace',
}, async t => {
  const file = join(await temporaryFolder(t), 'documents.sqlite')
  const key = newKey()
  const inject = 'inject=fsync,fdatasync:error=EIO:when=80+'
  const { url, lines, child } = await start(t, 'strace', [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    inject,
    process.execPath,
    program,
    file,
    key.org,
    key.document,
  ])
  const [writer, reader] = [new SocketClient(url), new SocketClient(url)]
  t.after(() => [writer, reader].forEach(client => void client.close()))
  await Promise.all([writer.open(), reader.open()])
  const list = writer.doc.getArray<number>('list')
  for (let i = 0; i < 2_000 && writer.isOpen; i++) {
    list.push([i])
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  await until(() => !writer.isOpen && !reader.isOpen)
  const told = JSON.parse(lines.find(line => line.startsWith('{'))!) as { ok: boolean; detail: string }
  assert.equal(told.ok, false)
  assert.ok(
    writer.durable > 0 && writer.durable < list.length,
    `${writer.durable} of ${list.length} edits were acknowledged`,
  )
  killGroup(child)
  await once(child, 'exit')
  // What strace traced may outlive it for a moment, and holds the file until it is gone.
  await until(() => !isGroupAlive(child))
  const { doc } = await readStored(t, file, key)
  assertContains(doc, reader.doc, 'the reader')
  assert.ok(doc.getArray('list').length >= writer.durable)
})
