/** What stands at the beginning of every run's journal: who runs it, and what its user has to know first (KH15). */
import type { Now } from '@meshbook/core/ids.ts'
import { dropIdleNote, idleNotice, readIdleNote } from './idle-note.ts'
import type { LiveKernel } from './live-kernel.ts'
import type { SessionSpec } from './port.ts'
import type { Unclocked } from './recorder.ts'
import type { JournalRecord } from './run-entry.ts'

export class RunOpening {
  readonly #folder: string
  readonly #now: Now
  /** What the next run says before anything else. */
  #notice: string | undefined

  constructor(folder: string, now: Now) {
    this.#folder = folder
    this.#now = now
  }

  async kernelBegan(): Promise<void> {
    const note = await readIdleNote(this.#folder)
    this.#notice = note && idleNotice(note)
  }

  /** What was saved is there again: no run says that it is gone. */
  async kernelRestored(): Promise<void> {
    await dropIdleNote(this.#folder)
    this.#notice = undefined
  }

  async of(kernel: LiveKernel, spec: SessionSpec): Promise<JournalRecord[]> {
    const at = this.#now()
    const event = (seq: number, said: object) => ({ t: 'event', seq, n: 0, event: { ...said, at } }) as never
    const notice = this.#notice === undefined ? [] : [event(2, { type: 'stderr', text: this.#notice })]
    this.#notice = undefined
    if (notice.length > 0) await dropIdleNote(this.#folder)
    return [{ t: 'intent', kernel: kernel.id }, event(1, started(kernel, spec)), ...notice]
  }
}

function started(kernel: LiveKernel, { device, language }: SessionSpec): Unclocked & { type: 'started' } {
  const { notice, name } = kernel
  return { type: 'started', device, language, kernel: name, ...(notice !== undefined && { notice }) }
}
