/** Asks a person before something that cannot be taken back. Where nobody can answer, it is refused. */
import { createInterface } from 'node:readline/promises'
import { MeshError } from '@meshbook/core/errors.ts'

/** Throws unless the answer is yes; `flag` says how to answer beforehand. */
export async function confirmed(question: string, flag: string): Promise<void> {
  if (!process.stdin.isTTY) throw new MeshError('BAD_REQUEST', { detail: `${question} Answer with ${flag}` })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `)
    if (!/^y(es)?$/i.test(answer.trim())) throw new MeshError('INTERRUPTED', { detail: 'nothing was changed' })
  } finally {
    terminal.close()
  }
}
