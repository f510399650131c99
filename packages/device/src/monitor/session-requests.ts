/** Answers what a viewer asks of a session: completion, inspection, variables, interrupt, restart. */

import { atCursorSchema } from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import { type DownMessage, explainIssues, type UpMessage } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import type { KernelSession } from '../kernels/port.ts'

type Request = Extract<DownMessage, { type: 'MRP_REQUEST' }>
type Response = Extract<UpMessage, { type: 'MRP_RESPONSE' }>

/** `running` is the run that an interrupt is meant for, if the session has one. */
export async function answerSessionRequest(
  request: Request,
  session: KernelSession | undefined,
  running: RunId | undefined,
): Promise<Response> {
  const { id } = request
  try {
    if (!session) throw new MeshError('NOT_FOUND', { detail: 'the session is not live on this device' })
    const result = await perform(request, session, running)
    return { type: 'MRP_RESPONSE', id, ok: true, result: result ?? null }
  } catch (thrown) {
    const { code, detail, message } = asMeshError(thrown)
    return { type: 'MRP_RESPONSE', id, ok: false, code, detail: detail ?? message }
  }
}

async function perform(
  { method, params }: Request,
  session: KernelSession,
  running: RunId | undefined,
): Promise<unknown> {
  switch (method) {
    case 'complete':
    case 'inspect': {
      const at = v.safeParse(atCursorSchema, params)
      if (!at.success) throw new MeshError('BAD_REQUEST', { detail: explainIssues(at.issues) })
      return session[method](at.output.code, at.output.cursor)
    }
    case 'variables':
      return session.variables()
    case 'interrupt':
      return running === undefined ? undefined : session.cancel(running, 'interrupted')
    case 'restart':
      return session.restart(session.spec.fence)
  }
}
