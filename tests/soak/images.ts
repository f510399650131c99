/** A process under load is saved twice and restored once, again and again: 200 checkpoints and 100 restores (SN27). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Soak } from './main.ts'

const fullCount = 100
const file = join(import.meta.dirname, '../contract/image-plain.test.ts')

export const soak: Soak = async ({ count = fullCount, say }) => {
  const child = spawn(process.execPath, ['--test', '--test-name-pattern=SN27', file], {
    env: { ...process.env, MESHBOOK_SOAK_CYCLES: String(count) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [status] = (await once(child, 'exit')) as [number | null]
  const cut = /(\d+) requests were cut/.exec(said)?.[1]
  if (status !== 0 || cut === undefined) throw new Error(said)
  say(`${count} cycles`)
  return { checkpoints: 2 * count, restores: count, failures: 0, requestsCut: Number(cut) }
}
