/**
 * For tests: an interpreter's side of the pipes that says what a transcript says, byte for byte, and takes only the
 * orders that stand in it. `node scripted-child.ts TRANSCRIPT SCRATCH NONCE`
 */
import { openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** `«word»` in what is said stands for a mark; `base64` is for bytes that are no text. */
type Step =
  | { order: string[] }
  | { stdout: string }
  | { stderr: string }
  | { stdoutBase64: string }
  | { file: string; json: unknown }

const [transcript, scratch, nonce] = process.argv.slice(2) as [string, string, string]
const orders = openSync(join(scratch, 'orders'), 'r')
// The signal is in the transcript only by what the interpreter does about it.
process.on('SIGINT', () => undefined)

function nextNumber(): string {
  let text = ''
  const byte = Buffer.alloc(1)
  while (readSync(orders, byte) === 1 && byte[0] !== 10) text += byte.toString('latin1')
  return text
}

function take(expected: string[]): void {
  const path = join(scratch, `o${nextNumber()}`)
  const order = readFileSync(path, 'utf8')
  rmSync(path)
  if (order === expected.join('\0')) return
  writeSync(2, `the order was ${JSON.stringify(order)}, and not ${JSON.stringify(expected)}`)
  process.exit(9)
}

const bytesOf = (text: string) => Buffer.from(text.replaceAll(/«(\w+)»/g, `\x1b]mb;${nonce};$1\x07`))

for (const step of JSON.parse(readFileSync(transcript, 'utf8')) as Step[]) {
  if ('order' in step) take(step.order)
  else if ('stdout' in step) writeSync(1, bytesOf(step.stdout))
  else if ('stderr' in step) writeSync(2, bytesOf(step.stderr))
  else if ('stdoutBase64' in step) writeSync(1, Buffer.from(step.stdoutBase64, 'base64'))
  else writeFileSync(join(scratch, step.file), JSON.stringify(step.json))
}
