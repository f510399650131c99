/** The routes of a hub that a machine may use before it belongs to anybody. */
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { oauthErrorSchema } from '@meshbook/core/pairing-api.ts'
import * as v from 'valibot'

const problemSchema = v.object({ code: v.string(), detail: v.optional(v.string()) })

export class HubDoor {
  readonly hub: string

  constructor(hub: string) {
    this.hub = hub
  }

  async post<T>(path: string, body: unknown, schema: v.GenericSchema<unknown, T>, proof?: string): Promise<T> {
    const headers = { 'content-type': 'application/json', ...(proof === undefined ? {} : { authorization: proof }) }
    const { ok, json, status } = await this.#send(path, { headers, body: JSON.stringify(body) })
    const problem = v.safeParse(problemSchema, json)
    if (ok) return this.#checked(path, json, schema)
    if (problem.success && isErrorCode(problem.output.code))
      throw new MeshError(problem.output.code, { ...(problem.output.detail && { detail: problem.output.detail }) })
    throw new MeshError('UNREACHABLE', { detail: `${this.hub} answered HTTP ${status}` })
  }

  /** As OAuth has it; an error comes back by its name. */
  async form<T>(
    path: string,
    fields: Record<string, string>,
    schema: v.GenericSchema<unknown, T>,
  ): Promise<T | { error: string; about: string }> {
    const { ok, json, status } = await this.#send(path, { body: new URLSearchParams(fields) })
    if (ok) return this.#checked(path, json, schema)
    const error = v.safeParse(oauthErrorSchema, json)
    if (error.success) return { error: error.output.error, about: error.output.error_description ?? error.output.error }
    throw new MeshError('UNREACHABLE', { detail: `${this.hub} answered HTTP ${status}` })
  }

  #checked<T>(path: string, json: unknown, schema: v.GenericSchema<unknown, T>): T {
    const parsed = v.safeParse(schema, json)
    if (parsed.success) return parsed.output
    throw new MeshError('BAD_MESSAGE', { detail: `${path} answered in a form this version does not know` })
  }

  async #send(path: string, init: RequestInit): Promise<{ ok: boolean; status: number; json: unknown }> {
    try {
      const signal = AbortSignal.timeout(limits.requestMs)
      const response = await fetch(`${this.hub}/api/v1${path}`, { method: 'POST', signal, ...init })
      return { ok: response.ok, status: response.status, json: await response.json().catch(() => undefined) }
    } catch (cause) {
      throw new MeshError('UNREACHABLE', { detail: this.hub, cause })
    }
  }
}
