/** How a value is shown: its MIME parts. */
import { inspect } from 'node:util'
import type { KernelPart } from '../wire/run-log.ts'

const plainUnits = 128 * 1024
const displaySymbol = Symbol.for('Jupyter.display')
const binary = /^(image\/(?!svg)|audio\/|video\/|application\/(pdf|octet-stream))/

export function plainText(value: unknown): string {
  const text = inspect(value, { depth: 4, maxArrayLength: 100, maxStringLength: plainUnits, breakLength: 100 })
  return text.length > plainUnits ? `${text.slice(0, plainUnits)}… (${text.length} characters)` : text
}

/** Every representation the value offers through `[Symbol.for('Jupyter.display')]()`, the plain text last. */
export function partsOf(value: unknown, displayBytes: number): KernelPart[] | Promise<KernelPart[]> {
  const offered = isObject(value) ? value[displaySymbol] : undefined
  const bundle = typeof offered === 'function' ? offered.call(value) : {}
  const whole = (own: Record<string, unknown>) =>
    partsOfBundle({ ...own, 'text/plain': own['text/plain'] ?? plainText(value) }, displayBytes)
  return isObject(bundle) && typeof bundle.then === 'function' ? Promise.resolve(bundle).then(whole) : whole(bundle)
}

export function partsOfBundle(bundle: Record<string, unknown>, displayBytes: number): KernelPart[] {
  return Object.entries(bundle)
    .map(([mimeType, data]) => part(mimeType, data))
    .filter(({ data }) => data.length <= displayBytes)
}

function part(mimeType: string, data: unknown): KernelPart {
  if (data instanceof Uint8Array) return { mimeType, data: Buffer.from(data).toString('base64'), base64: true }
  if (typeof data !== 'string') return { mimeType, data: JSON.stringify(data) ?? 'null' }
  return binary.test(mimeType) ? { mimeType, data, base64: true } : { mimeType, data }
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
