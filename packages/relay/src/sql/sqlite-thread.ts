/**
 * The worker thread that owns one SQLite connection. The writer runs procedures in group transactions; the reader runs
 * each in a read transaction of its own. It must not know what the procedures do.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'
import { CallGroup, proceduresOf, type ThreadCall, type ThreadResult } from './call-group.ts'
import { hasLog, lockFile, prepareFolder, SqliteConnection } from './sqlite-connection.ts'
import { storageErrorOf, type ThreadError, toThreadError } from './sqlite-error.ts'
import type { Procedure, SqlModule } from './tx.ts'

export interface SqliteThreadData {
  file: string
  modules: string[]
  role: 'writer' | 'reader'
  groupCommitMs: number
  groupCalls: number
}
export type ThreadRequest = { type: 'calls'; calls: ThreadCall[] } | { type: 'reopen' } | { type: 'close' }
/** `results` answers the oldest calls not yet answered. `failure` says that the disk failed and nothing more is taken. */
export type ThreadReply =
  | { type: 'ready' }
  | { type: 'refused'; error: ThreadError }
  | { type: 'results'; results: ThreadResult[]; failure?: ThreadError }
  | { type: 'reopened'; error?: ThreadError }
  | { type: 'closed' }

const data = workerData as SqliteThreadData
const port = parentPort!
let connection: SqliteConnection
let group: CallGroup
/** Puts a fresh connection in the place of the one that failed. */
let connectAgain: () => void
let failure: MeshError | undefined
let unlock: (() => void) | undefined

function reply(message: ThreadReply): void {
  port.postMessage(message)
}

async function open(): Promise<void> {
  const modules = await Promise.all(data.modules.map(async url => (await import(url)) as SqlModule))
  const procedures = proceduresOf(modules)
  if (data.role === 'reader') {
    use(new SqliteConnection(data.file, { readOnly: true }), procedures)
    return
  }
  prepareFolder(data.file)
  unlock = lockFile(data.file)
  const left = hasLog(data.file)
  use(new SqliteConnection(data.file, { readOnly: false }), procedures)
  connection.migrate(modules.map(module => module.schema))
  // The log of a process that ended after a failed fsync may be whole only in memory; in the file it is durable.
  if (left) connection.emptyLog()
}

function use(opened: SqliteConnection, procedures: ReadonlyMap<string, Procedure>): void {
  connection = opened
  group = new CallGroup(opened, procedures, data.file)
  connectAgain = () => use(new SqliteConnection(data.file, { readOnly: false }), procedures)
}

/** Until the group is full or has taken its time. */
async function performGroup(calls: ThreadCall[]): Promise<ThreadResult[]> {
  const until = performance.now() + data.groupCommitMs
  return group.perform(calls.slice(0, data.groupCalls), () => performance.now() > until)
}

function failAll(calls: ThreadCall[], error: MeshError): void {
  failure = error
  const told = toThreadError(error)
  reply({ type: 'results', results: calls.map(() => ({ ok: false, error: told })), failure: told })
}

async function write(calls: ThreadCall[]): Promise<void> {
  let rest = calls
  while (rest.length > 0) {
    if (failure) return failAll(rest, failure)
    try {
      const results = await performGroup(rest)
      rest = rest.slice(results.length)
      reply({ type: 'results', results })
    } catch (thrown) {
      return failAll(rest, storageErrorOf(thrown, data.file) ?? commitFailed(thrown))
    }
  }
}

/** Whatever made BEGIN or COMMIT fail: what the group wrote is not known to be on the disk, so it is not acknowledged. */
function commitFailed(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown
  return new MeshError('STORAGE_FAILED', {
    detail: thrown instanceof Error ? thrown.message : String(thrown),
    cause: thrown,
  })
}

async function read(calls: ThreadCall[]): Promise<void> {
  for (const call of calls) reply({ type: 'results', results: [await group.read(call)] })
}

/**
 * After a failed write or fsync the old connection is not used again: the file is opened afresh, the log is written
 * into it with an fsync of its own, and a probe must commit before anything is taken again.
 */
function reopen(): void {
  try {
    connection.close()
  } catch (thrown) {
    process.emitWarning(`closing the failed database: ${String(thrown)}`)
  }
  try {
    connectAgain()
    connection.settle()
    failure = undefined
    reply({ type: 'reopened' })
  } catch (thrown) {
    reply({ type: 'reopened', error: toThreadError(storageErrorOf(thrown, data.file) ?? commitFailed(thrown)) })
  }
}

function close(): void {
  connection.close()
  unlock?.()
  reply({ type: 'closed' })
  port.close()
}

/**
 * Requests are handled one after the other: a procedure never sees another one's half-made transaction. What came while
 * a group was committed is the next group, without a way through the other thread in between.
 */
const requests: ThreadRequest[] = []
let turn = Promise.resolve()
port.on('message', (request: ThreadRequest) => {
  requests.push(request)
  turn = turn.then(handleAll)
})

async function handleAll(): Promise<void> {
  for (let request = nextRequest(); request; request = nextRequest()) await handle(request)
}

/** The oldest request; all calls that stand together are one. */
function nextRequest(): ThreadRequest | undefined {
  for (let more = receiveMessageOnPort(port); more; more = receiveMessageOnPort(port)) requests.push(more.message)
  const first = requests.shift()
  if (first?.type !== 'calls') return first
  const calls = [...first.calls]
  while (requests[0]?.type === 'calls') calls.push(...(requests.shift() as typeof first).calls)
  return { type: 'calls', calls }
}

async function handle(request: ThreadRequest): Promise<void> {
  if (request.type === 'calls') return data.role === 'writer' ? write(request.calls) : read(request.calls)
  if (request.type === 'reopen') return reopen()
  close()
}

turn = turn.then(open).then(
  () => reply({ type: 'ready' }),
  (thrown: unknown) => {
    // Everything is let go of first: who is told may open the file again at once.
    connection?.close()
    unlock?.()
    reply({ type: 'refused', error: toThreadError(storageErrorOf(thrown, data.file) ?? thrown) })
    port.close()
  },
)
