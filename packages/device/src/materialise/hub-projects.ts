/** Brings projects that this device made to the hub, under the ids that they have here (DV111). */
import { projectSchema } from '@meshbook/core/api.ts'
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import * as v from 'valibot'

export interface HubProjectsPorts {
  url: string
  /** The right of this device at the hub; another one than `stale`. */
  token(stale?: string): Promise<string>
}

const problemSchema = v.object({ code: v.string(), detail: v.optional(v.string()) })

/** It may be called again: the hub has each one once. */
export async function bringToHub(ports: HubProjectsPorts, project: ProjectInfo): Promise<void> {
  const token = await ports.token()
  const first = await send(ports, token, project)
  const answer = first.status === 401 ? await send(ports, await ports.token(token), project) : first
  const body: unknown = await answer.json().catch(() => undefined)
  if (answer.ok && v.is(projectSchema, body)) return
  const problem = v.safeParse(problemSchema, body)
  if (!problem.success || !isErrorCode(problem.output.code))
    throw new MeshError('UNREACHABLE', { detail: `the hub answered HTTP ${answer.status}` })
  const { code, detail } = problem.output
  throw new MeshError(code, detail === undefined ? {} : { detail })
}

async function send({ url }: HubProjectsPorts, token: string, { id, name, tree }: ProjectInfo): Promise<Response> {
  try {
    return await fetch(`${url}/api/v1/projects`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, made: { id, tree } }),
      redirect: 'error',
      signal: AbortSignal.timeout(limits.requestMs),
    })
  } catch (cause) {
    throw new MeshError('UNREACHABLE', { detail: 'the hub', cause })
  }
}
