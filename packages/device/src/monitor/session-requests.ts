/** Answers what a viewer asks of a session: completion, inspection, variables, interrupt, restart. */

import { atCursorSchema } from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import { type DownMessage, explainIssues, headIdSchema, runIdSchema, type UpMessage } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import type { KernelSession } from '../kernels/port.ts'

export type SessionRequest = Extract<DownMessage, { type: 'MRP_REQUEST' }>
export type SessionAnswer = Extract<UpMessage, { type: 'MRP_RESPONSE' }>
type Request = SessionRequest
type Response = SessionAnswer

const interruptParams = v.object({ run: v.optional(runIdSchema) })
const restartParams = v.object({ head: v.nullish(headIdSchema) })

export interface Asked {
  session: KernelSession | undefined
  /** What the session runs now. */
  running: RunId | undefined
  /** Ends the session's kernel; what comes next starts another. */
  end(session: KernelSession): Promise<void>
}

export async function answerSessionRequest(request: Request, asked: Asked): Promise<Response> {
  const { id } = request
  try {
    const result = request.method === 'restart' ? await restart(request, asked) : await perform(request, asked)
    return { type: 'MRP_RESPONSE', id, ok: true, result: result ?? null }
  } catch (thrown) {
    const { code, detail, message } = asMeshError(thrown)
    return { type: 'MRP_RESPONSE', id, ok: false, code, detail: detail ?? message }
  }
}

/** The hub has ended the head already, so there is nothing to do where it is not live any more. */
async function restart({ params }: Request, { session, running, end }: Asked): Promise<undefined> {
  const { head } = parsed(restartParams, params)
  if (!session || (head && session.spec.head !== head)) return
  if (running !== undefined) await session.cancel(running, 'the session was restarted')
  await end(session)
}

async function perform({ method, params }: Request, { session, running }: Asked): Promise<unknown> {
  if (!session) throw new MeshError('NOT_FOUND', { detail: 'the session is not live on this device' })
  switch (method) {
    case 'complete':
    case 'inspect': {
      const at = parsed(atCursorSchema, params)
      return session[method](at.code, at.cursor)
    }
    case 'variables':
      return session.variables()
    case 'interrupt': {
      const { run } = parsed(interruptParams, params)
      if (run !== undefined && run !== running)
        throw new MeshError('CONFLICT', { detail: `the session does not run ${run} now` })
      return running === undefined ? undefined : session.cancel(running, 'interrupted')
    }
  }
}

function parsed<S extends v.GenericSchema>(schema: S, params: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, params)
  if (result.success) return result.output
  throw new MeshError('BAD_REQUEST', { detail: explainIssues(result.issues) })
}
