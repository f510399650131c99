/** The models' socket of one task, as a request handler: no credential, since whoever has the socket is the task (GW2). */
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RandomBytes, RunId, UserId } from '@meshbook/core/ids.ts'
import type { ModelBudget } from '@meshbook/core/models-api.ts'
import type { Log } from '../log.ts'
import { endpointAt, wireOf } from './endpoints.ts'
import type { ModelAnswer, ModelGateway } from './model-gateway.ts'
import { refusalOf } from './wire-errors.ts'

export interface DoorPorts {
  gateway: Pick<ModelGateway, 'answer'>
  random: RandomBytes
  log: Log
}

export interface DoorTask {
  org: OrgId
  user: UserId
  task: RunId
  /** Read with every call: it may be raised. */
  budget(): ModelBudget
}

export function modelsDoor(
  { gateway, random, log }: DoorPorts,
  { org, user, task, budget }: DoorTask,
): RequestListener {
  return (incoming, response) => {
    const requestId = Buffer.from(random(12)).toString('hex')
    const path = URL.parse(incoming.url ?? '/', 'http://hub')?.pathname ?? ''
    const endpoint = endpointAt(incoming.method ?? '', path, incoming.headers)
    const leaving = new AbortController()
    response.once('close', () => leaving.abort(new MeshError('INTERRUPTED')))
    const { microUsd, tokens } = budget()
    const cap = { ...(microUsd === undefined ? {} : { microUsd }), ...(tokens === undefined ? {} : { tokens }) }
    const answered = endpoint
      ? gateway.answer({ org, user, holder: { task, cap } }, { endpoint, incoming, requestId, signal: leaving.signal })
      : Promise.resolve(refusalOf(wireOf(path, incoming.headers), new MeshError('NOT_FOUND'), requestId))
    answered
      .then(answer => write(answer, response))
      .catch((error: unknown) => {
        log.debug({ code: asMeshError(error).code, requestId }, 'an answer of a model broke off')
        response.destroy()
      })
  }
}

/** No faster than the other side reads; an answer that breaks off leaves a connection that does. */
async function write({ status, headers, body }: ModelAnswer, response: ServerResponse): Promise<void> {
  if (body instanceof Buffer) {
    response.writeHead(status, { ...headers, 'content-length': body.byteLength }).end(body)
    return
  }
  response.writeHead(status, headers)
  for await (const chunk of body)
    if (!response.write(chunk)) {
      const gone = new AbortController()
      const stop = (): void => gone.abort()
      response.once('close', stop)
      await once(response, 'drain', { signal: gone.signal }).finally(() => response.off('close', stop))
    }
  response.end()
}
