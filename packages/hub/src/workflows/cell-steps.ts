/** Steps that run code on a device of the mesh: a cell, or all cells of a notebook in their order (WQ45). */
import type { Run } from '@meshbook/core/api.ts'
import { asMeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, Now, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { demandsOf } from '@meshbook/core/notebook/demands.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Executed, type Execution, StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { Documents } from '../documents/documents.ts'
import type { Runs } from '../runs/runs.ts'
import type { HubStore } from '../store/hub-store.ts'
import { type CellOutput, outputOfRun } from '../tasks/cell-output.ts'
import { type ActingPorts, type Actor, actorOf, type RunOfSteps, refused } from './acting.ts'
import { endOfWork, type OutsideWorkPorts, workId } from './outside-work.ts'

export interface CellStepsPorts extends ActingPorts, OutsideWorkPorts {
  store: HubStore
  documents: Pick<Documents, 'at' | 'content'>
  runs: Pick<Runs, 'submit' | 'cancel'>
  now: Now
}

interface Place {
  device?: string
  requires?: string[]
}
interface CellInput {
  language: string
  code: string
  session?: string
  'runs-on'?: Place
}
interface NotebookInput {
  document: string
  session?: string
  'runs-on'?: Place
}

/** Its end is kept with what it showed, up to this. */
const shownChars = 256 * 1024

export async function runCell(ports: CellStepsPorts, run: RunOfSteps, execution: Execution): Promise<Executed> {
  const { language, code, session, 'runs-on': place } = execution.input as unknown as CellInput
  const id = workId('cell', run.id, execution)
  const { output } = await ended(ports, run, execution, id, async actor => {
    // Whoever may not write runs only what stands in a notebook.
    if (!actor.place.rights.has('write'))
      throw refused('FORBIDDEN', `${actor.name} may not write here, and so runs notebooks as they stand, but no cell`)
    const document = await shelterOf(ports, run)
    return { document, language, code: String(code), ...(session !== undefined && { session }), ...demanded(place) }
  })
  return { output: shownValue(output) ?? output.text }
}

/** Of an empty notebook nothing is run, and it has nothing to show. */
export async function runNotebook(ports: CellStepsPorts, run: RunOfSteps, execution: Execution): Promise<Executed> {
  const { document: path, session, 'runs-on': place } = execution.input as unknown as NotebookInput
  const document = await documentAt(ports, run, path)
  const texts: string[] = []
  let value: Json = null
  let device: string | null = null
  for (let index = 0; ; index++) {
    const { frontMatter, blocks } = parseNotebook(await ports.documents.content(run.org, document))
    const cell = blocks.filter(block => block.kind === 'cell')[index]
    if (!cell) return { output: { text: cut(texts.join('\n')), value, cells: index, device } }
    const { language, code } = cell
    const demands = demandsOf(frontMatter, language)
    const named = session ?? frontMatter?.session
    const whole = await ended(ports, run, execution, workId('cell', run.id, execution, index), async actor => {
      await mayRun(ports, actor, document)
      return {
        ...{ document, cell: { by: 'index', index }, language, code, ...demands, ...demanded(place) },
        ...(named !== undefined && { session: named }),
        onLoss: demands.onLoss === 'resume' ? 'resume' : 'interrupt',
      }
    })
    const { output, by } = whole
    if (output.text !== '') texts.push(output.text)
    value = shownValue(output) ?? value
    device = by ?? device
  }
}

type Asked = Omit<RunRequest, 'id' | 'timeoutMs' | 'expiresAt'>

/** Begins it where it has not begun, in the name of whoever began the workflow, and waits for its end. */
async function ended(
  ports: CellStepsPorts,
  of: RunOfSteps,
  { signal, timeoutMs, emit }: Execution,
  id: RunId,
  asked: (actor: Actor) => Promise<Asked>,
): Promise<{ output: CellOutput; by: string | null }> {
  const { store, runs, now } = ports
  const { org } = of
  const shown = (): Promise<Run | null> => store.query('showRun', { org, id })
  if ((await shown()) === null) {
    const actor = await actorOf(ports, of)
    const request = await asked(actor)
    signal.throwIfAborted()
    // Where it waits beyond its time it is cancelled, so that it never asks whether it is still wanted.
    const expiresAt = now() + timeoutMs + limits.runAskMs
    await runs.submit(org, actor, { ...request, id, timeoutMs: Math.max(1, Math.ceil(timeoutMs)), expiresAt })
    emit(`run ${id}\n`)
  }
  const run = await endOfWork(ports, of, id, signal, {
    ended: async () => {
      const found = await shown()
      return found && hasEnded(found.status) ? found : undefined
    },
    cancel: async why => {
      await runs.cancel(org, id, why).catch((thrown: unknown) => {
        const { code } = asMeshError(thrown)
        if (code !== 'RUN_ENDED' && code !== 'NOT_FOUND') throw thrown
      })
    },
  })
  const output = await outputOfRun(store, org, id)
  if (run.status === 'completed') return { output, by: run.deviceName }
  throw failureOf(run, output)
}

/** What its device lost, and what failed by itself, may be tried again; what a person ended is not. */
function failureOf({ id, status, error, reasons }: Run, { reason }: CellOutput): StepFailure {
  const why = reason || error?.message || reasons.join(' ') || status
  const code = status === 'failed' ? 'RUN_FAILED' : 'INTERRUPTED'
  return new StepFailure(code, `run ${id}: ${why}`, { known: true, mayRetry: status !== 'cancelled' })
}

function demanded(place: Place | undefined): Pick<RunRequest, 'runsOn' | 'requires'> {
  const { device, requires } = place ?? {}
  return { ...(device !== undefined && { runsOn: device }), ...(requires !== undefined && { requires }) }
}

/** JSON that it showed, as JSON or as all that it printed; else the last line, where that is an object or a list. */
function shownValue({ json, text }: CellOutput): Json | undefined {
  if (json !== undefined) return parsed(json)
  const whole = parsed(text)
  if (whole !== undefined) return whole
  const line = text.slice(text.lastIndexOf('\n') + 1).trim()
  return /^[{[]/.test(line) ? parsed(line) : undefined
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

/** The end is what matters of what is long. */
const cut = (text: string): string => (text.length <= shownChars ? text : `…${text.slice(-shownChars)}`)

export async function documentAt({ documents }: CellStepsPorts, run: RunOfSteps, path: string): Promise<DocumentId> {
  const document = await documents.at(run.org, run.project, path)
  if (document === undefined) throw refused('NOT_FOUND', `the project has no notebook ${path}`)
  return document
}

async function mayRun({ access }: CellStepsPorts, { who, name }: Actor, document: DocumentId): Promise<void> {
  await access.demand(who, { kind: 'document', id: document }, 'run').catch((thrown: unknown) => {
    const { code, detail = '' } = asMeshError(thrown)
    throw code === 'FORBIDDEN' || code === 'NOT_FOUND' ? refused('FORBIDDEN', `${name}: ${detail}`) : thrown
  })
}

/** Outputs belong to a notebook; those of a cell that stands in none to the first of the project. */
async function shelterOf({ store }: CellStepsPorts, { org, project }: RunOfSteps): Promise<DocumentId> {
  const { items } = await store.query('listDocuments', { org, project, after: '', rows: limits.pageRows })
  const found = items.find(({ path }) => /\.(?:md|qmd|ipynb)$/i.test(path))
  if (!found) throw refused('NOT_FOUND', 'a cell is run for a notebook, and the project has none')
  return found.id
}
