/** Rounds of a run and a plan of what goes wrong meanwhile, on the shipped programs (NW20–NW23). */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DocumentInfo, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { hasEnded, isTerminal, type NumberedEvent } from '@meshbook/core/run.ts'
import { eventually } from '../mesh-process.ts'
import { type Chance, chanceOf } from '../soak/random.ts'
import { faultPlan, type PlannedTrouble } from './fault-plan.ts'
import type { Cleanup } from './lab.ts'
import { LabMesh } from './lab-mesh.ts'

export interface PartitionFigures {
  rounds: number
  faults: number
  lines: number
  completed: number
  interrupted: number
  slowestRecoveryMs: number
}

const path = 'cells.md'
/** From the mending of the last trouble until the phone was shown the end. */
const recoveryMs = 60_000

interface Cell {
  code: string
  lines: string[]
}

/** Counts its starts where no project shares it, then prints slowly. */
function cellOf(round: number, chance: Chance): Cell {
  const lines = Array.from({ length: chance.between(15, 60) }, (_, i) => `round ${round} line ${i}`)
  const code = [
    'import time',
    `open('.starts', 'a').write('${round}\\n')`,
    `for i in range(${lines.length}):`,
    `    print(f'round ${round} line {i}', flush=True)`,
    `    time.sleep(${chance.between(5, 60) / 1_000})`,
  ].join('\n')
  return { code, lines }
}

export async function partitionRounds(
  cleanup: Cleanup,
  seed: number,
  rounds: number,
  say: (text: string) => void,
): Promise<PartitionFigures> {
  const mesh = await LabMesh.open(cleanup)
  const chance = chanceOf(seed)
  const cells = Array.from({ length: rounds }, (_, round) => cellOf(round, chance))
  const text = cells.map(({ code }) => `\`\`\`python\n${code}\n\`\`\`\n`).join('\n')
  await writeFile(join(mesh.folder, path), text)
  const document = await eventually('the notebook is at the hub', () => documentWith(mesh, text))
  const figures = { rounds, faults: 0, lines: 0, completed: 0, interrupted: 0, slowestRecoveryMs: 0 }
  for (const [round, cell] of cells.entries()) {
    const plan = faultPlan(chance)
    say(`round ${round}: ${plan.map(inWords).join(', ')}`)
    const { status, tookMs } = await oneRound(mesh, document, round, cell, plan)
    figures.faults += plan.length
    figures.lines += cell.lines.length
    figures[status]++
    figures.slowestRecoveryMs = Math.max(figures.slowestRecoveryMs, Math.round(tookMs))
  }
  return figures
}

async function documentWith(mesh: LabMesh, text: string): Promise<DocumentInfo | undefined> {
  const document = await mesh.phone
    .ask<DocumentInfo>({ do: 'document', path: `me/project/${path}` })
    .catch(() => undefined)
  if (!document) return undefined
  return (await contentOf(mesh, document)) === text ? document : undefined
}

const contentOf = (mesh: LabMesh, { id }: DocumentInfo): Promise<string> =>
  mesh.phone.ask<string>({ do: 'content', document: id })

function inWords({ afterMs, lastsMs, router, trouble }: PlannedTrouble): string {
  return `${JSON.stringify(trouble)} at ${router} after ${afterMs} for ${lastsMs}`
}

async function oneRound(
  mesh: LabMesh,
  document: DocumentInfo,
  round: number,
  cell: Cell,
  plan: readonly PlannedTrouble[],
): Promise<{ status: 'completed' | 'interrupted'; tookMs: number }> {
  const id = newId('run', Date.now(), systemRandom)
  const about = `round ${round} (${id}, ${plan.map(inWords).join(', ')})`
  const body = { id, document: document.id, cell: { by: 'index', index: round }, language: 'python', code: cell.code }
  const mended = Promise.all(plan.map(planned => happen(mesh, planned)))
  const shown = mesh.phone
    .ask<Run>({ do: 'submit', body })
    .then(() => mesh.phone.ask<NumberedEvent[]>({ do: 'follow', run: id }))
  await mended
  const started = performance.now()
  const live = await Promise.race([shown, sleep(recoveryMs, undefined, { ref: false })])
  if (!live) throw new Error(`${about}: no end, ${JSON.stringify(await mesh.phone.ask({ do: 'run', run: id }))}`)
  const tookMs = performance.now() - started
  const status = await judge(mesh, document, { about, id, round, cell, live })
  return { status, tookMs }
}

async function happen(mesh: LabMesh, { afterMs, lastsMs, router, trouble }: PlannedTrouble): Promise<void> {
  await sleep(afterMs)
  if (trouble.at === 'proxy') {
    await mesh.proxy.ask({ do: 'fault', router, fault: trouble.fault })
    await sleep(lastsMs)
    await mesh.proxy.ask({ do: 'fault', router, fault: { kind: 'heal' } })
  } else if (trouble.at === 'desk') {
    await mesh.killDesk()
    await sleep(lastsMs)
    await mesh.startDesk()
  } else if (trouble.how === 'new-address') mesh.lab.changeAddress(router)
  else {
    mesh.lab.dropPackets(router, true)
    await sleep(lastsMs)
    mesh.lab.dropPackets(router, false)
  }
}

interface Judged {
  about: string
  id: string
  round: number
  cell: Cell
  live: NumberedEvent[]
}

async function judge(
  mesh: LabMesh,
  document: DocumentInfo,
  { about, id, round, cell, live }: Judged,
): Promise<'completed' | 'interrupted'> {
  const log = await mesh.phone.ask<NumberedEvent[]>({ do: 'log', run: id })
  const run = await mesh.phone.ask<Run>({ do: 'run', run: id })
  assert.ok(hasEnded(run.status), `NW20 ${about}`)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
    `NW21 ${about}: the log has no gap`,
  )
  assert.deepEqual(
    log.flatMap(({ event }, i) => (isTerminal(event) ? [i] : [])),
    [log.length - 1],
    `NW21 ${about}: one terminal event, the last`,
  )
  assert.deepEqual(live, log, `NW21 ${about}: the phone was shown the log`)
  const printed = log.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')
  const all = cell.lines.map(line => `${line}\n`).join('')
  const status = run.status === 'completed' ? 'completed' : 'interrupted'
  if (status === 'completed') assert.equal(printed, all, `NW22 ${about}`)
  else {
    assert.equal(run.status, 'interrupted', `NW20 ${about}: ${JSON.stringify(log.at(-1))}`)
    assert.ok(all.startsWith(printed), `NW22 ${about}`)
  }
  // What the device of an interrupted run did afterwards stays in the document, out of the log (RU22).
  await judgeText(mesh, document, { about, id, printed, most: status === 'completed' ? printed : all })
  const starts = (await readFile(join(mesh.folder, '.starts'), 'utf8'))
    .split('\n')
    .filter(it => it === `${round}`).length
  assert.ok(starts === 1 || (status === 'interrupted' && starts === 0), `NW20 ${about}: started ${starts} times`)
  return status
}

/** The block of the run stands at most once in the document and in the file, with all that was printed and not more than `most`. */
async function judgeText(
  mesh: LabMesh,
  document: DocumentInfo,
  { about, id, printed, most }: { about: string; id: string; printed: string; most: string },
): Promise<void> {
  const shows = (text: string): boolean => {
    const [, block = '', ...more] = text.split(`\`\`\`output:${id}\n`)
    const [shown = ''] = block.split('```\n', 1)
    return more.length === 0 && shown.startsWith(printed) && most.startsWith(shown)
  }
  await eventually(`NW22 ${about}: in the document`, async () => shows(await contentOf(mesh, document)))
  const file = join(mesh.folder, path)
  await eventually(`NW22 ${about}: in the file`, async () => shows(await readFile(file, 'utf8')))
}
