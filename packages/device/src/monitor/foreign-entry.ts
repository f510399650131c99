/** The fields of an entry in the shapes that pages know which know nothing of Meshbook (HM3). Pure. */
import type { DisplayDatum, ExecutionEntry } from '@meshbook/core/executions.ts'
import type { MimePart } from '@meshbook/core/run.ts'

export type EntryFields = Record<string, unknown>

export function asForeign({ displayData, result, error, ...fields }: Partial<ExecutionEntry>): EntryFields {
  return {
    ...fields,
    ...(displayData === undefined ? {} : { displayData: displayData.flatMap(displayOf) }),
    ...(result ? { result: plainOf(result.parts) } : {}),
    ...(error ? { error: { type: error.name, message: error.message, traceback: error.traceback } } : {}),
  }
}

/** One representation: the richest, as a page shows the plain text only where there is nothing else. */
function displayOf({ id, parts }: DisplayDatum): EntryFields[] {
  const part = parts.find(({ mimeType }) => mimeType !== 'text/plain') ?? parts[0]
  if (!part) return []
  const named = id === undefined ? {} : { id }
  const { mimeType } = part
  return [
    part.at === 'inline'
      ? { ...named, mimeType, data: part.data, assetId: null }
      : { ...named, mimeType, data: null, assetId: part.asset },
  ]
}

function plainOf(parts: readonly MimePart[]): string | null {
  return parts.flatMap(part => (part.at === 'inline' && part.mimeType === 'text/plain' ? [part.data] : []))[0] ?? null
}
