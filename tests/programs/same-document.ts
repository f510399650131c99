/** Runs the same programs on every path and compares what the notebooks hold afterwards, byte for byte. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Run, runSchema } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { RunView } from '@meshbook/core/output/run-view.ts'
import { hasEnded, isTerminal, type NumberedEvent } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import type { Cleanup } from '../mesh-process.ts'
import { chanceOf } from '../soak/random.ts'
import { asForetold, foretoldOf, isAsForetold } from './foretold.ts'
import { answersOf, codeOf, programLanguages } from './languages.ts'
import { type Program, programOf } from './program.ts'
import { openWorld, type Path, paths, settled, type World } from './world.ts'

export interface ProgramFigures {
  programs: number
  runs: number
  notebooks: number
  /** Programs of which what the document shows was known beforehand. */
  foretold: number
  cuts: number
  kills: number
}

const cellsPerNotebook = 10
const workers = 2
const runMs = 180_000
const shownMs = 15_000

interface Done {
  run: string
  log: NumberedEvent[]
}

/** A notebook once all of its cells have run. */
interface Shown {
  /** With the same names of runs on every path. */
  text: string
  foretold: number
  /** What does not show what was foretold. */
  wrong: string[]
}

interface Notebook {
  name: string
  text: string
  programs: Program[]
  session: string
}

export async function sameDocuments(
  t: Cleanup,
  folders: () => Promise<string>,
  seed: number,
  count: number,
  say: (text: string) => void,
): Promise<ProgramFigures> {
  const notebooks = notebooksOf(seed, count)
  const files = new Map(notebooks.map(({ name, text }) => [name, text]))
  // One after the other: what a machine has to do to start them all at once says nothing about programs.
  const opened: World[] = []
  for (const path of paths) opened.push(await openWorld(t, await folders(), path, files, chanceOf(seed + 1)))
  const worlds = await Promise.all(
    opened.map(async world => ({ world, shown: await shownOf(world, notebooks, files, say) })),
  )
  const [local] = worlds
  const wrong = worlds.flatMap(({ world, shown }) => [
    ...[...shown.values()].flatMap(notebook => notebook.wrong),
    ...differences(notebooks, local!.shown, shown, world.path),
  ])
  assert.equal(wrong.length, 0, wrong.join('\n\n'))
  const sum = (name: 'cuts' | 'kills') => worlds.reduce((all, { world }) => all + world.figures[name], 0)
  const foretold = [...local!.shown.values()].reduce((all, notebook) => all + notebook.foretold, 0)
  const figures = { programs: count, runs: count * paths.length, notebooks: notebooks.length, foretold }
  return { ...figures, cuts: sum('cuts'), kills: sum('kills') }
}

export function notebooksOf(seed: number, count: number): Notebook[] {
  const chance = chanceOf(seed)
  const programs = Array.from({ length: count }, () => programOf(chance, programLanguages))
  return Array.from({ length: Math.ceil(count / cellsPerNotebook) }, (_, index) => {
    const own = programs.slice(index * cellsPerNotebook, (index + 1) * cellsPerNotebook)
    const cells = own.map(program => `${'`'.repeat(9)}${program.language}\n${codeOf(program)}\n${'`'.repeat(9)}\n`)
    const name = `n${String(index).padStart(3, '0')}.md`
    return { name, text: `# ${name}\n\n${cells.join('\nBetween.\n\n')}`, programs: own, session: `s${index % workers}` }
  })
}

/** What each notebook holds once all its cells have run. */
async function shownOf(
  world: World,
  notebooks: readonly Notebook[],
  files: ReadonlyMap<string, string>,
  say: (text: string) => void,
): Promise<Map<string, Shown>> {
  const ids = await settled(world, files)
  const shown = new Map<string, Shown>()
  world.begin()
  const work = Array.from({ length: workers }, async (_, worker) => {
    for (const notebook of notebooks.filter((_each, index) => index % workers === worker)) {
      shown.set(notebook.name, await runAll(world, notebook, ids.get(notebook.name)!))
      if (shown.size % 10 === 0) say(`${world.path}: ${shown.size} of ${notebooks.length} notebooks`)
    }
  })
  try {
    await Promise.all(work)
  } finally {
    await world.close()
  }
  return shown
}

async function runAll(world: World, notebook: Notebook, document: string): Promise<Shown> {
  const { name, programs, session } = notebook
  const done: Done[] = []
  for (const [index, program] of programs.entries()) {
    const about = `${world.path} ${name} cell ${index + 1}:\n${codeOf(program)}`
    const run = await request(world, document, session, index, program)
    const status = await followed(world, run, answersOf(program), about)
    assert.ok(status !== 'interrupted', `${status}: ${about}`)
    const log = await logOf(world, run)
    assert.ok(isTerminal(log.at(-1)!.event), about)
    done.push({ run, log })
  }
  const until = performance.now() + shownMs
  for (;;) {
    const text = await (await world.ask('GET', `/documents/${document}/content`)).text()
    const missing = lackingIn(text, done)
    if (missing === undefined) return judged(world, notebook, text, done)
    if (performance.now() > until) assert.deepEqual(missing, undefined, `${world.path} ${name}: not as its log says`)
    await sleep(50)
  }
}

function judged(world: World, { name, programs }: Notebook, text: string, done: readonly Done[]): Shown {
  const shown: Shown = { text, foretold: 0, wrong: [] }
  for (const [index, { run, log }] of done.entries()) {
    shown.text = shown.text.replaceAll(run, `run-${index}`)
    const foretold = foretoldOf(programs[index]!, log)
    if (foretold === undefined) continue
    shown.foretold++
    const block = outputsOf(text).find(({ runId }) => runId === run)!.text
    if (!isAsForetold(block, foretold))
      shown.wrong.push(
        `${world.path} ${name} cell ${index + 1}: not as foretold\n${codeOf(programs[index]!)}\n` +
          firstDifference(asForetold(block), foretold),
      )
  }
  return shown
}

async function request(world: World, document: string, session: string, index: number, program: Program) {
  const id = newId('run', Date.now(), systemRandom)
  const { language } = program
  const body = { id, document, session, language, code: codeOf(program), cell: { by: 'index', index } }
  const answer = await world.ask('POST', '/runs', body)
  assert.ok(answer.ok, `${world.path}: ${await answer.text()}`)
  return id as string
}

async function followed(world: World, run: string, answers: string[], about: string): Promise<Run['status']> {
  const until = performance.now() + runMs
  const answered = new Map<string, { text: string; at: number }>()
  for (let pause = 5; performance.now() < until; pause = Math.min(50, pause + 5)) {
    const found = v.parse(runSchema, await (await world.ask('GET', `/runs/${run}`)).json())
    if (hasEnded(found.status)) return found.status
    if (found.status === 'waiting-for-input') await answer(world, run, answers, answered)
    await sleep(pause)
  }
  throw new Error(`no end: ${JSON.stringify(await (await world.ask('GET', `/runs/${run}`)).json())} ${about}`)
}

/** One that got lost with a connection is given again; the kernel takes one for each question. */
async function answer(
  world: World,
  run: string,
  answers: string[],
  given: Map<string, { text: string; at: number }>,
): Promise<void> {
  const events = (await logOf(world, run, false)).map(({ event }) => event)
  const asked = events.findLast(event => event.type === 'input-request')
  if (!asked) return
  const known = given.get(asked.id)
  if (known && performance.now() - known.at < 2_000) return
  const text = known?.text ?? answers[given.size] ?? ''
  given.set(asked.id, { text, at: performance.now() })
  await world.ask('POST', `/runs/${run}/input`, { id: asked.id, text })
}

async function logOf(world: World, run: string, whole = true): Promise<NumberedEvent[]> {
  const answer = await world.ask('GET', `/runs/${run}/events`)
  if (whole) return eventsIn(await answer.text())
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (eventsIn(text).some(({ event }) => event.type === 'input-request')) break
  }
  return eventsIn(text)
}

/** Only line feeds end a line: an event may hold whatever else is taken for the end of one. */
function eventsIn(text: string): NumberedEvent[] {
  const blocks = text.split('\n\n').slice(0, -1)
  return blocks.flatMap(block => {
    const lines = block.split('\n')
    const fieldOf = (name: string) => lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2)
    const [id, data] = [fieldOf('id'), fieldOf('data')]
    if (id === undefined || data === undefined) return []
    return [{ seq: Number(id) as NumberedEvent['seq'], event: JSON.parse(data) }]
  })
}

const outputsOf = (text: string) => parseNotebook(text).blocks.filter(block => block.kind === 'output')

/** The first output that is not what the log of its run says. */
function lackingIn(text: string, done: readonly Done[]): unknown {
  const blocks = outputsOf(text)
  for (const [index, { run, log }] of done.entries()) {
    const [shown, ...more] = blocks.filter(({ runId }) => runId === run).map(block => block.text)
    const wanted = viewOf(log)
    if (shown !== wanted || more.length > 0) return { cell: index + 1, run, shown, more, wanted }
  }
  return blocks.length === done.length ? undefined : { blocks: blocks.length, runs: done.length }
}

function viewOf(log: readonly NumberedEvent[]): string {
  const view = new RunView()
  for (const { event } of log) view.add(event)
  return view.text
}

/** From two lines before it on. */
function firstDifference(shown: string, wanted: string): string {
  const [here, there] = [shown.split('\n'), wanted.split('\n')]
  const at = here.findIndex((line, index) => line !== there[index])
  const from = Math.max(0, (at < 0 ? here.length : at) - 2)
  const show = (lines: string[]) => JSON.stringify(lines.slice(from, from + 6).map(line => line.slice(0, 300)))
  return `line ${from + 3}\nshown:  ${show(here)}\nwanted: ${show(there)}`
}

function differences(
  notebooks: readonly Notebook[],
  wanted: Map<string, Shown>,
  shown: Map<string, Shown>,
  path: Path,
): string[] {
  return notebooks.flatMap(({ name }) => {
    const [here, there] = [shown.get(name)?.text, wanted.get(name)?.text]
    if (here !== undefined && here === there) return []
    return [`${name} differs between ${path} and local:\n${firstDifference(here ?? '', there ?? '')}`]
  })
}
