/** What a cell threw, as the host wants it: name, message, traceback without our own frames. */
import { inspect } from 'node:util'
import type { KernelError } from '../wire/run-log.ts'

const lines = 200
const units = 64 * 1024
const ours = [new URL('.', import.meta.url).href, 'node:inspector']
/** Frames of Node that lie below the first frame of the cell. */
const beneathCell = /^\s+at .*(\(node:internal\/|new Promise \(<anonymous>\)|\[nodejs\.internal)/

export function describeError(thrown: unknown): KernelError {
  if (!(thrown instanceof Error)) return { name: 'Uncaught', message: shortly(thrown), traceback: [] }
  const name = String(thrown.name).slice(0, 200) || 'Error'
  return { name, message: String(thrown.message).slice(0, units), traceback: traceback(thrown) }
}

function traceback(error: Error): string[] {
  const all = (error.stack ?? String(error)).split('\n')
  const own = all.filter(line => !/^\s+at /.test(line) || !ours.some(place => line.includes(place)))
  while (beneathCell.test(own.at(-1)!)) own.pop()
  return [...own, ...causeOf(error)].slice(0, lines).map(line => line.slice(0, 2000))
}

function causeOf({ cause }: Error): string[] {
  if (cause === undefined) return []
  return [`[cause]: ${cause instanceof Error ? traceback(cause).join('\n') : shortly(cause)}`]
}

function shortly(value: unknown): string {
  return (typeof value === 'string' ? value : inspect(value, { depth: 2 })).slice(0, units)
}
