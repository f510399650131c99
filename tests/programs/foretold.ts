/**
 * What a document must show of a program, from its steps alone: neither the kernels nor the terminal of the product take
 * part. Only how an error or a value is worded is taken from the log of the run.
 */
import type { NumberedEvent } from '@meshbook/core/run.ts'
import { hasStep } from './languages.ts'
import type { Program, Step } from './program.ts'
import { SmallScreen } from './small-screen.ts'

type Said =
  | { is: 'bytes'; bytes: Uint8Array }
  | { is: 'asked'; prompt: string }
  | { is: 'clear'; wait: boolean }
  | { is: 'shown' }
  | { is: 'failed' }

const encoder = new TextEncoder()
const printed = (text: string): Said[] => [{ is: 'bytes', bytes: encoder.encode(text.toWellFormed()) }]

/** The text of the output block, with colours as marks; undefined where it cannot be known. */
export function foretoldOf(program: Program, log: readonly NumberedEvent[]): string | undefined {
  const said = program.steps
    .filter(step => hasStep(program.language, step))
    .flatMap(step => saidBy(program.language, step))
  if (isUndecided(said)) return undefined
  const pieces = new Pieces(textsOf(log))
  for (const each of said) pieces.take(each)
  pieces.end()
  return pieces.text
}

/** The text of an output block in the same form. */
export function asForetold(shown: string): string {
  return shown
    .split('\n')
    .map(line => new SmallScreen(line).lines.join(''))
    .join('\n')
}

const leftOut = /^… [\d,]+ bytes not shown …$/m

/** Of more than a document holds, the beginning and the end are there. */
export function isAsForetold(shown: string, foretold: string): boolean {
  const text = asForetold(shown)
  const cut = leftOut.exec(text)
  if (!cut) return text === foretold
  const [begin, end] = [text.slice(0, cut.index), text.slice(cut.index + cut[0].length)]
  return begin.length + end.length < foretold.length && foretold.startsWith(begin) && foretold.endsWith(end)
}

/** Bytes that end within a character, and something else after them: whose turn it is then is the kernel's affair. */
function isUndecided(said: readonly Said[]): boolean {
  return said.some((each, at) => {
    if (each.is !== 'bytes' || at === said.length - 1) return false
    const decoder = new TextDecoder()
    const begun = decoder.decode(each.bytes, { stream: true })
    return begun + decoder.decode() !== begun
  })
}

function saidBy(language: string, step: Step): Said[] {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
  switch (step.do) {
    case 'write':
    case 'error':
    case 'fork':
    case 'child':
      return printed(step.text)
    case 'bytes':
      return [{ is: 'bytes', bytes: Uint8Array.from(step.bytes) }]
    case 'ask':
      return [{ is: 'asked', prompt: step.prompt }, ...printed(`${[...step.answer].length}\n`)]
    case 'sleep':
      return []
    case 'threads':
      return printed(step.texts.map(text => (language === 'bash' ? text : `${text}\n`)).join(''))
    case 'repeat':
      return printed(
        numbers(step.count)
          .map(i => `${i} ${step.text}\n`)
          .join(''),
      )
    case 'progress':
      return printed(
        `${numbers(step.frames)
          .map(i => frameOf(language, step.label, i))
          .join('')}\n`,
      )
    case 'clear':
      return [{ is: 'clear', wait: step.wait }]
    case 'value':
      return [{ is: 'shown' }]
    case 'fail':
    case 'exit':
      return [{ is: 'failed' }]
  }
}

function frameOf(language: string, label: string, i: number): string {
  const bar = `${label.replace(/[\n\r%]/g, ' ')} `
  if (language === 'bash') return `\r${bar} ${i}\x1b[K`
  return `\r${bar}${'#'.repeat(i % 40)}${language === 'python' ? ' ' : ''}\x1b[K`
}

interface Worded {
  shown: string[]
  result: string | undefined
  error: string | undefined
}

function textsOf(log: readonly NumberedEvent[]): Worded {
  const worded: Worded = { shown: [], result: undefined, error: undefined }
  for (const { event } of log) {
    if (event.type === 'display' || event.type === 'result') {
      const plain = event.parts.find(part => part.mimeType === 'text/plain' && part.at === 'inline')
      const text = plain?.at === 'inline' ? plain.data : ''
      if (event.type === 'display') worded.shown.push(text)
      else worded.result = text
    }
    if (event.type === 'failed') {
      const { name, message, traceback } = event.error
      worded.error = traceback.length > 0 ? traceback.join('\n') : `${name}: ${message}`
    }
  }
  return worded
}

/** Stretches of output, and values between them. */
class Pieces {
  readonly #worded: Worded
  #done: string[] = []
  #open: Uint8Array[] = []
  #clearFirst = false
  #valuesShown = 0

  constructor(worded: Worded) {
    this.#worded = worded
  }

  get text(): string {
    return this.#done.join('\n')
  }

  take(said: Said): void {
    switch (said.is) {
      case 'bytes':
        if (said.bytes.length > 0) this.#print(said.bytes)
        break
      case 'asked':
        this.#print(encoder.encode(said.prompt))
        this.#endLine()
        break
      case 'clear':
        if (said.wait) this.#clearFirst = true
        else this.#clear()
        break
      case 'shown':
        this.#show(this.#worded.shown[this.#valuesShown++] ?? '')
    }
  }

  end(): void {
    const { result, error } = this.#worded
    if (result !== undefined) this.#show(result)
    if (error !== undefined) {
      this.#endLine()
      this.#print(encoder.encode(error.toWellFormed()))
    }
    this.#close()
  }

  #print(bytes: Uint8Array): void {
    if (this.#clearFirst) this.#clear()
    this.#open.push(bytes)
  }

  #show(text: string): void {
    if (this.#clearFirst) this.#clear()
    this.#close()
    this.#keep(text)
  }

  #close(): void {
    this.#keep(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(this.#open)))
    this.#open = []
  }

  #keep(text: string): void {
    const shown = new SmallScreen(text).lines.join('\n')
    if (shown !== '') this.#done.push(shown)
  }

  #endLine(): void {
    const last = this.#open.at(-1)
    if (last && last.at(-1) !== 10) this.#open.push(encoder.encode('\n'))
  }

  #clear(): void {
    this.#clearFirst = false
    this.#done = []
    this.#open = []
  }
}
