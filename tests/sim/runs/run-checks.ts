/** What must hold of every run once all is well (NW20–NW24). */
import { hasEnded, isTerminal, type NumberedEvent, type RunEvent } from '@meshbook/core/run.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import * as Y from 'yjs'
import { lineOf, type Script } from './kernel-machine.ts'
import type { Followed } from './phone.ts'
import { notebookFile, type RunWorld } from './run-world.ts'

const most = 100_000_000

/** What is still under way; undefined when everything has come to rest. */
export async function unfinished(world: RunWorld): Promise<string | undefined> {
  const waiting = world.phone.runs.find(({ isOver }) => !isOver)
  if (waiting) return `${waiting.request.id} has not ended on the phone: ${await standOf(world, waiting)}`
  const text = await textAtHub(world)
  for (const run of world.phone.runs) {
    const wrong = textWrong(text, run, await logOf(world, run))
    if (wrong !== undefined) return `at the hub: ${wrong}`
  }
  for (const { host } of world.devices)
    if (host.files.readText(notebookFile) !== text) return `${host.name} has another file`
  return undefined
}

async function standOf(world: RunWorld, { request }: Followed): Promise<string> {
  const { org } = world.hub.identity
  const run = await world.hub.disk.look<HubProcedures>().query('showRun', { org, id: request.id })
  return run ? `${run.status} on ${run.deviceName}: ${run.reasons.join(' ')}` : 'unknown'
}

async function logOf(world: RunWorld, { request }: Followed): Promise<NumberedEvent[]> {
  const { org } = world.hub.identity
  const store = world.hub.disk.look<HubProcedures>()
  const page = await store.query('readEvents', { org, id: request.id, after: 0, mostBytes: most })
  return (page?.events ?? []).map(({ seq, text }) => ({ seq, event: JSON.parse(text) as RunEvent }))
}

async function textAtHub(world: RunWorld): Promise<string> {
  const { disk, identity } = world.hub
  const store = new SqliteDocumentStore(disk.look<DocumentProcedures>())
  const { snapshot, tail } = await store.open({ org: identity.org, document: world.document })
  const doc = new Y.Doc()
  for (const update of [...(snapshot ? [snapshot.data] : []), ...tail]) Y.applyUpdate(doc, update)
  return doc.getText('content').toString()
}

const printed = (log: readonly NumberedEvent[]): string =>
  log.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')

/** The block of a run stands once, with exactly what it printed; a run that printed nothing may have none. */
function textWrong(text: string, { request: { id } }: Followed, log: readonly NumberedEvent[]): string | undefined {
  const output = printed(log)
  const [, block, ...more] = text.split(`\`\`\`output:${id}\n`)
  if (more.length > 0) return `LINES: ${id} has more than one block`
  if (output === '') return undefined
  if (!block?.startsWith(`${output}\`\`\`\n`)) return `LINES: the block of ${id} is not its output`
  return undefined
}

export async function judgeRuns(world: RunWorld): Promise<void> {
  for (const followed of world.phone.runs) await judge(world, followed)
}

async function judge(world: RunWorld, followed: Followed): Promise<void> {
  const { id, code } = followed.request
  const log = await logOf(world, followed)
  const end = log.at(-1)?.event
  if (log.some(({ seq }, i) => seq !== i + 1)) world.fail(`GAP: the log of ${id} is not numbered without a gap`)
  if (log.filter(({ event }) => isTerminal(event)).length !== 1 || !end || !isTerminal(end))
    world.fail(`END: the log of ${id} has not one terminal event, the last`)
  else if (!hasEnded(end.type as never)) world.fail(`END: ${id}`)
  if (JSON.stringify(followed.shown) !== JSON.stringify(log))
    world.fail(`SHOWN: what the phone was shown of ${id} is not its log`)
  judgeOutput(world, id, JSON.parse(code) as Script, log)
  judgeStarts(world, id, end?.type)
}

function judgeOutput(world: RunWorld, id: string, script: Script, log: readonly NumberedEvent[]): void {
  const all = Array.from({ length: script.lines }, (_, i) => lineOf(script, i)).join('')
  const output = printed(log)
  const isWhole = log.at(-1)?.event.type === 'completed'
  if (isWhole ? output !== all : !all.startsWith(output)) world.fail(`LINES: the log of ${id} is not what it printed`)
}

function judgeStarts(world: RunWorld, id: string, end: string | undefined): void {
  const starts = world.devices.flatMap(({ machine }) => machine.starts.filter(({ run }) => run === id))
  if (new Set(starts.map(({ fence }) => fence)).size !== starts.length)
    world.fail(`STARTS: ${id} was started twice under one fence`)
  if (starts.length > 1 && end !== 'interrupted') world.fail(`STARTS: ${id} was started ${starts.length} times`)
  if (end === 'completed' && starts.length === 0) world.fail(`STARTS: ${id} ended without having been started`)
}
