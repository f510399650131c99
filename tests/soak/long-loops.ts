/**
 * Loops of three minutes whose desktop loses its power at a random moment go on on the laptop and finish right (SN52, RU70).
 * Several go on beside each other, each begun at another time, so that the plug meets each of them elsewhere.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionProgram } from '../network/session-programs.ts'
import { SessionsMesh } from '../network/sessions-mesh.ts'
import { closing } from './closing.ts'
import type { Soak } from './main.ts'
import { type Chance, chanceOf } from './random.ts'

const fullCount = 20
const loopsPerMesh = 5
const loopSeconds = 180
const finishMs = 900_000

/** Prints how far it is once a second, and at the end a sum that only the whole loop gives. */
const loop = (number: number): SessionProgram => ({
  name: `loop${number}`,
  language: 'python',
  make: `start = ${number}; print('ready')`,
  ask: `
import time
total = start
for step in range(1, ${loopSeconds + 1}):
    total = (total * 31 + step) % 1_000_003
    if step % 10 == 0:
        print('step', step, flush=True)
    time.sleep(1)
print('total', total)`,
  answer: () => `total ${sumOf(number)}`,
})

function sumOf(start: number): number {
  let total = start
  for (let step = 1; step <= loopSeconds; step++) total = (total * 31 + step) % 1_000_003
  return total
}

export const soak: Soak = async ({ seed, count = fullCount, say }) => {
  const chance = chanceOf(seed)
  let [finished, resumed] = [0, 0]
  for (let done = 0; done < count; done += loopsPerMesh) {
    const numbers = Array.from({ length: Math.min(loopsPerMesh, count - done) }, (_, index) => done + index)
    const ends = await closing(async cleanup => loops(await SessionsMesh.open(cleanup), numbers, chance))
    for (const end of ends) {
      if (end.printed !== end.expected) throw new Error(`${end.name} ended with ${end.printed}, not ${end.expected}`)
      finished++
      if (end.isResumed) resumed++
    }
    say(`${finished} of ${count} finished right, ${resumed} of them went on in their middle`)
  }
  return { loops: finished, resumed }
}

interface LoopEnd {
  name: string
  printed: string
  expected: string
  /** It went on from its middle; else it was begun again. */
  isResumed: boolean
}

async function loops(mesh: SessionsMesh, numbers: readonly number[], chance: Chance): Promise<LoopEnd[]> {
  const desk = await mesh.idOf('Desk')
  const begun: { program: SessionProgram; run: string }[] = []
  const programs = numbers.map(loop)
  const documents = new Map(await Promise.all(programs.map(async it => [it, await mesh.notebook(it)] as const)))
  for (const program of programs) await mesh.run(documents.get(program)!, program, 0, desk)
  await mesh.allSaved(programs.length)
  for (const program of programs) {
    begun.push({
      program,
      run: await mesh.submit(documents.get(program)!, program, 1, undefined, { onLoss: 'resume' }),
    })
    await sleep(chance.between(0, 15_000))
  }
  await sleep(chance.between(1_000, (loopSeconds - 20 - loopsPerMesh * 15) * 1_000))
  await mesh.desk.powerOff()
  return Promise.all(begun.map(({ program, run }) => endOf(mesh, program, run)))
}

/** Of the run, or of the one that repeats it. */
async function endOf(mesh: SessionsMesh, program: SessionProgram, run: string): Promise<LoopEnd> {
  const { log, run: ended, printed } = await mesh.answer(run, program.name, finishMs)
  const again = ended.status === 'interrupted' ? await mesh.repeatOf(run) : undefined
  if (again !== undefined) return endOf(mesh, program, again)
  const isResumed = log.some(({ event }) => event.type === 'resumed')
  const last = printed.trim().split('\n').at(-1) ?? ''
  return { name: program.name, printed: last, expected: program.answer(1), isResumed }
}
