/** What is compared: something that takes runs in, durably or not, and does their steps. */
export const stepsPerRun = 5

export interface Contender {
  readonly name: string
  /** Steps that one run has. */
  readonly steps: number
  /** Asks for one run; resolves when it has ended. `began` is called in its first step. */
  run(began: () => void): Promise<void>
  close(): Promise<void>
}

/** Steps a second of so many runs, `atOnce` of them under way at a time. */
export async function drained(contender: Contender, runs: number, atOnce: number): Promise<number> {
  const since = performance.now()
  let left = runs
  const worker = async (): Promise<void> => {
    while (left-- > 0) await contender.run(() => undefined)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, runs) }, worker))
  return ((runs * contender.steps) / (performance.now() - since)) * 1_000
}

/** Milliseconds from asking for each run to its first step; runs are asked for at this pace, whatever becomes of them. */
export async function paced(contender: Contender, perSecond: number, runs: number): Promise<number[]> {
  const since = performance.now()
  const took: number[] = []
  const going: Promise<void>[] = []
  for (let i = 0; i < runs; i++) {
    const late = since + (i * 1_000) / perSecond - performance.now()
    if (late > 0) await new Promise(resolve => setTimeout(resolve, late))
    const asked = performance.now()
    going.push(contender.run(() => void took.push(performance.now() - asked)))
  }
  await Promise.all(going)
  if (took.length !== runs) throw new Error(`${contender.name}: ${took.length} of ${runs} runs had a first step`)
  return took
}
