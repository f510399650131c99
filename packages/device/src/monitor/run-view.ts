/**
 * What a run's events so far look like in a document: the text of its output block, its images, and the fields of its
 * entry. Pure; the same events always give the same view, so a projection can be made again from the journal.
 */
import type { DisplayDatum, ExecutionEntry, ExecutionStatus } from '@meshbook/core/executions.ts'
import { type AssetId, isAssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ImageRef } from '@meshbook/core/notebook/output.ts'
import type { MimePart, RunEvent } from '@meshbook/core/run.ts'
import { TerminalText } from '@meshbook/core/terminal.ts'

const statusOf: Partial<Record<RunEvent['type'], ExecutionStatus>> = {
  started: 'running',
  completed: 'completed',
  failed: 'error',
  cancelled: 'cancelled',
  interrupted: 'interrupted',
}

export class RunView {
  #terminal = new TerminalText()
  #atLineStart = true
  #clearFirst = false
  #shown: { id: string | undefined; parts: MimePart[] }[] = []
  #displays: DisplayDatum[] = []
  #entry: Partial<ExecutionEntry> = {}
  /** Bytes of text that came, whether shown or not. */
  textBytes = 0

  get text(): string {
    return this.#terminal.text()
  }

  get truncated(): boolean {
    return this.#terminal.truncated.bytes > 0
  }

  get images(): ImageRef[] {
    return this.#shown.flatMap(({ parts }) => imageOf(parts) ?? [])
  }

  get entry(): Partial<ExecutionEntry> {
    return this.#displays.length > 0 ? { ...this.#entry, displayData: this.#displays } : this.#entry
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
        this.#entry.result = { parts: event.parts }
        this.#show(undefined, event.parts)
        return
      case 'input-request':
        this.#print(event.prompt)
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
      case 'gate-opened':
      case 'gate-decided':
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
    this.#terminal.feed(text)
    this.textBytes += text.length
    this.#atLineStart = text.endsWith('\n')
  }

  #printLines(text: string): void {
    this.#endLine()
    this.#print(text.endsWith('\n') ? text : `${text}\n`)
  }

  #endLine(): void {
    if (!this.#atLineStart) this.#print('\n')
  }

  #clear(): void {
    this.#clearFirst = false
    this.#terminal = new TerminalText()
    this.#atLineStart = true
    this.#shown = []
    this.#displays = []
  }

  #display({ id, update, parts }: Extract<RunEvent, { type: 'display' }>): void {
    const known = id === undefined ? undefined : this.#displays.findIndex(display => display.id === id)
    if (update && known !== undefined && known >= 0) {
      this.#displays = this.#displays.with(known, { id: id!, parts })
      this.#shown = this.#shown.map(shown => (shown.id === id ? { id, parts } : shown))
      return
    }
    if (this.#displays.length >= limits.displaysPerRun) return
    if (this.#clearFirst) this.#clear()
    this.#displays = [...this.#displays, id === undefined ? { parts } : { id, parts }]
    this.#show(id, parts)
  }

  /** An image is shown as one; anything else by its plain text, richer forms being in the entry. */
  #show(id: string | undefined, parts: MimePart[]): void {
    if (this.#clearFirst) this.#clear()
    if (imageOf(parts)) this.#shown = [...this.#shown, { id, parts }]
    else {
      const text = plainOf(parts)
      if (text) this.#printLines(text)
    }
  }
}

function plainOf(parts: readonly MimePart[]): string | undefined {
  return parts.flatMap(part => (part.mimeType === 'text/plain' && part.at === 'inline' ? [part.data] : []))[0]
}

/** What stands for the image where it cannot be shown. An address in memory (`<Plot object at 0x…>`) tells nobody anything. */
function altOf(text: string | undefined): string {
  return text === undefined || /^<.*>$/s.test(text) ? 'image' : text
}

function imageOf(parts: readonly MimePart[]): ImageRef | undefined {
  const image = parts.find(part => part.at === 'asset' && part.mimeType.startsWith('image/'))
  if (image?.at !== 'asset' || !isAssetId(image.asset)) return undefined
  return { alt: altOf(plainOf(parts)), asset: image.asset as AssetId }
}
