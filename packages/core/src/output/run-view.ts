/**
 * What a run's events so far look like in a document: the text of its output block, its images, and the fields of its
 * entry. Pure; the same events always give the same view, so a projection can be made again from the journal.
 */
import type { ExecutionEntry, ExecutionStatus } from '../executions.ts'
import { type AssetId, isAssetId } from '../ids.ts'
import { limits } from '../limits.ts'
import type { ImageRef } from '../notebook/output.ts'
import type { MimePart, RunEvent } from '../run.ts'
import { OutputFlow } from './output-flow.ts'

const statusOf: Partial<Record<RunEvent['type'], ExecutionStatus>> = {
  started: 'running',
  completed: 'completed',
  failed: 'error',
  cancelled: 'cancelled',
  interrupted: 'interrupted',
}

export class RunView {
  #flow = new OutputFlow()
  #atLineStart = true
  #clearFirst = false
  #displayed = 0
  #hasDisplayed = false
  #entry: Partial<ExecutionEntry> = {}
  readonly #elsewhere = new Map<string, MimePart[]>()

  get text(): string {
    return this.#flow.text
  }

  get truncated(): boolean {
    return this.#flow.truncated
  }

  get images(): ImageRef[] {
    return this.#flow.shown.flatMap(({ parts }) => imageOf(parts) ?? [])
  }

  get entry(): Partial<ExecutionEntry> {
    const shown = this.#flow.shown
    const displayData = shown.filter(({ isResult }) => !isResult).map(({ isResult: _, ...display }) => display)
    const [result] = shown.filter(({ isResult }) => isResult).map(({ isResult: _, ...display }) => display)
    return {
      ...this.#entry,
      // An output that was cleared takes what it displayed with it.
      ...(displayData.length > 0 || this.#hasDisplayed ? { displayData } : {}),
      ...(result ? { result } : {}),
    }
  }

  /** New values of what earlier runs displayed, by the name they gave it (OU12). */
  get elsewhere(): ReadonlyMap<string, MimePart[]> {
    return this.#elsewhere
  }

  /** How much of what is displayed would stand in the entry itself. */
  get inlineChars(): number {
    return this.#flow.shown
      .flatMap(({ parts }) => parts)
      .reduce((sum, part) => sum + (part.at === 'inline' ? part.data.length : 0), 0)
  }

  /** Whether the event changes what is to be seen, and not only the entry's times. */
  add(event: RunEvent): void {
    const status = statusOf[event.type]
    if (status) this.#entry = { ...this.#entry, status }
    switch (event.type) {
      case 'started':
        this.#entry.startedAt = event.at
        if (event.notice !== undefined) this.#entry.notice = event.notice
        return
      case 'stdout':
      case 'stderr':
        this.#print(event.text)
        return
      case 'clear':
        if (event.wait) this.#clearFirst = true
        else this.#clear()
        return
      case 'display':
        this.#display(event)
        return
      case 'result':
        this.#show(event.parts, { isResult: true })
        return
      case 'input-request':
        if (!event.printed) this.#print(event.prompt)
        this.#entry.stdinRequest = {
          id: event.id,
          prompt: event.prompt,
          password: event.password,
          requestedAt: event.at,
        }
        return
      case 'input-answered':
        // What was typed is not repeated here: it may be a password.
        this.#endLine()
        this.#entry.stdinRequest = null
        this.#entry.stdinResponse = null
        return
      case 'reattached':
        if (event.lost > 0) this.#printLines(`[${event.lost} bytes of output were lost]`)
        return
      case 'resumed':
        this.#printLines(
          `[${event.device} goes on from a saved state. What was printed since then on the device that was lost may come again.]`,
        )
        return
      case 'gate-opened':
      case 'gate-decided':
      case 'task':
      case 'workflow':
        // The notebook shows what code wrote; what is asked and decided has a place of its own.
        return
      default:
        this.#end(event)
        return
    }
  }

  #end(event: Extract<RunEvent, { durationMs: number }>): void {
    this.#entry = { ...this.#entry, completedAt: event.at, durationMs: event.durationMs, stdinRequest: null }
    if (event.type === 'failed') {
      const { name, message, traceback } = event.error
      this.#printLines(traceback.length > 0 ? traceback.join('\n') : `${name}: ${message}`)
      this.#entry.error = event.error
    } else if (event.type !== 'completed') this.#entry.reason = event.reason
  }

  #print(text: string): void {
    if (text === '') return
    if (this.#clearFirst) this.#clear()
    this.#flow.print(text)
    this.#atLineStart = text.endsWith('\n')
  }

  #printLines(text: string): void {
    this.#endLine()
    this.#print(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** What is about to be cleared needs no end. */
  #endLine(): void {
    if (!this.#atLineStart && !this.#clearFirst) this.#print('\n')
  }

  #clear(): void {
    this.#clearFirst = false
    this.#flow = new OutputFlow()
    this.#displayed = 0
    this.#atLineStart = true
  }

  #display({ id, update, parts }: Extract<RunEvent, { type: 'display' }>): void {
    if (update && id !== undefined) {
      if (!this.#flow.update(id, parts, shownText(parts))) this.#elsewhere.set(id, parts)
      return
    }
    if (this.#displayed >= limits.displaysPerRun) return
    this.#displayed++
    this.#hasDisplayed = true
    this.#show(parts, { id })
  }

  #show(parts: MimePart[], options: { id?: string | undefined; isResult?: boolean }): void {
    if (this.#clearFirst) this.#clear()
    this.#flow.show(parts, shownText(parts), options)
    this.#atLineStart = true
  }
}

/** An image is shown as one; anything else by its plain text, richer forms being in the entry. */
export function shownText(parts: readonly MimePart[]): string {
  return imageOf(parts) ? '' : (plainOf(parts) ?? '')
}

function plainOf(parts: readonly MimePart[]): string | undefined {
  return parts.flatMap(part => (part.mimeType === 'text/plain' && part.at === 'inline' ? [part.data] : []))[0]
}

/** What stands for the image where it cannot be shown. An address in memory (`<Plot object at 0x…>`) tells nobody anything. */
function altOf(text: string | undefined): string {
  return text === undefined || /^<.*>$/s.test(text) ? 'image' : text
}

export function imageOf(parts: readonly MimePart[]): ImageRef | undefined {
  const image = parts.find(part => part.at === 'asset' && part.mimeType.startsWith('image/'))
  if (image?.at !== 'asset' || !isAssetId(image.asset)) return undefined
  return { alt: altOf(plainOf(parts)), asset: image.asset as AssetId }
}
