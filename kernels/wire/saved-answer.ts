/** What an interpreter says of what it saved and made, as it comes from outside of this program (KN51, KN52). */
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'

const lookMs = 15
const copyMs = 500_000
const short = (most: number) =>
  v.pipe(
    v.string(),
    v.transform(text => text.slice(0, most)),
  )
const count = v.pipe(v.number(), v.minValue(0))
/** An empty list without names may be told as an object. */
const list = <T extends v.GenericSchema>(item: T) => v.fallback(v.array(item), [])

const lostSchema = v.object({ name: short(200), reason: short(1000) })
export const savedSchema = v.object({
  variables: list(v.object({ name: short(200), type: short(200), bytes: v.optional(count) })),
  more: count,
  lost: list(lostSchema),
})
export const loadedSchema = v.object({ names: list(v.string()), lost: list(lostSchema) })
const failedSchema = v.object({ failed: v.string() })
export type Saved = v.InferOutput<typeof savedSchema>
export type Loaded = v.InferOutput<typeof loadedSchema>

/** Throws with the reason, where the interpreter told one. */
export function readAnswer<T extends v.GenericSchema>(schema: T, answer: unknown): v.InferOutput<T> {
  const failed = v.safeParse(failedSchema, answer)
  if (failed.success) throw new Error(failed.output.failed.slice(0, 1000))
  return v.parse(schema, answer)
}

/** What the copy of the interpreter leaves in this file once it is done. */
export async function reportOf(path: string, pid: number): Promise<Saved> {
  for (const ends = performance.now() + copyMs; performance.now() < ends; await sleep(lookMs)) {
    // Looked at before the file: a copy that has ended has written it before.
    const lives = pid === 0 || isThere(pid)
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text !== undefined) {
      await rm(path, { force: true })
      return readAnswer(savedSchema, JSON.parse(text))
    }
    if (!lives) throw new Error('the copy of the session was ended before it was done (was there enough memory?)')
  }
  if (isThere(pid)) process.kill(pid, 'SIGKILL')
  throw new Error('saving took too long')
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
