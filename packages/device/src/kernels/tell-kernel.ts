/** What the kernel is told of a run, in its protocol (KN10, KN24). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import type { KernelClient } from './kernel-client.ts'
import type { ResumedRun } from './port.ts'
import type { RunEntry } from './run-entry.ts'

const attachedSchema = v.union([
  v.object({ known: v.literal(false) }),
  v.object({ known: v.literal(true), ended: v.boolean(), last: v.number() }),
])
const acceptedSchema = v.object({ accepted: v.boolean() })

/** The kernel runs it, or if it knows it already, tells what came after the last that is in the journal. */
export async function tellKernel(client: KernelClient, { order, lastN, resumedAfter }: RunEntry): Promise<void> {
  const { run, code, cellName } = order
  const attached = v.parse(
    attachedSchema,
    lastN > 0 || resumedAfter !== undefined ? await client.request('attach', { run, after: lastN }) : { known: false },
  )
  // Not known to a living kernel: the host ended before it was told, so it has had no effects. `execute` itself
  // attaches if it is known.
  if (attached.known) return
  if (resumedAfter !== undefined)
    throw new MeshError('RESTORE_FAILED', { detail: `run ${run} is not in what was restored` })
  await client.request('execute', { run, code, name: cellName })
}

/** Whether the run can go on there; nothing of it is told yet. */
export async function knowsRun(client: KernelClient, { order }: ResumedRun): Promise<boolean> {
  const { run } = order
  return v.parse(attachedSchema, await client.request('attach', { run, after: 2 ** 31 })).known
}

export async function answerKernel(
  client: KernelClient,
  run: RunId,
  request: string | undefined,
  text: string,
): Promise<void> {
  const { accepted } = v.parse(acceptedSchema, await client.request('input', { run, request, text }))
  if (!accepted) throw new MeshError('CONFLICT', { detail: 'the question has been answered, or there is none' })
}
