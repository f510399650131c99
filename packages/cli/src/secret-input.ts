/** How a secret reaches a command: by a file, the environment, standard input or a prompt without echo; never as an argument. */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export interface SecretSource {
  /** `-` reads standard input. */
  file?: string | undefined
  /** Value of the environment setting for it. */
  setting?: string | undefined
  prompt: string
}

export async function readSecret({ file, setting, prompt }: SecretSource): Promise<string> {
  if (file === '-') return readAll(process.stdin)
  if (file !== undefined) return readFrom(file)
  if (setting) return setting
  if (process.stdin.isTTY && process.stderr.isTTY) return ask(prompt)
  throw new MeshError('NO_RECOVERY_KEY')
}

async function readFrom(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new MeshError('NO_RECOVERY_KEY', { detail: `${file} cannot be read`, cause })
  }
}

async function readAll(input: AsyncIterable<Buffer | string>): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.length > limits.requestBodyBytes)
      throw new MeshError('TOO_LARGE', { detail: 'what was given on standard input' })
  }
  return text
}

/** What is typed is not shown. */
function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true).setEncoding('utf8').resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (settle: () => void): void => {
      stdin.off('data', take).setRawMode(false).pause()
      stderr.write('\n')
      settle()
    }
    const take = (text: string): void => {
      typed += text
      const [line, rest] = typed.split(/[\r\n]/, 2)
      if (/[\u0003\u0004]/.test(text)) end(() => reject(new MeshError('INTERRUPTED')))
      else if (rest !== undefined) end(() => resolve(withoutErased(line!)))
    }
    stdin.on('data', take)
  })
}

/** A backspace takes back the character before it. */
function withoutErased(line: string): string {
  const kept: string[] = []
  for (const char of line) {
    if (char === '\u007f' || char === '\b') kept.pop()
    else kept.push(char)
  }
  return kept.join('')
}
