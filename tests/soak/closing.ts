/** What a soak opens is closed when it is over, the last first. */
import type { Cleanup } from '../network/lab.ts'

export async function closing<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const closes: (() => void | Promise<void>)[] = []
  try {
    return await work({ after: close => void closes.push(close) })
  } finally {
    for (const close of closes.toReversed()) await close()
  }
}
