/** The OpenAPI 3.1 document, generated from the list of routes and the schemas that the handlers check with. */

import { fenceSchema, seqSchema } from '@meshbook/core/messages.ts'
import { toJsonSchema } from '@valibot/to-json-schema'
import type { GenericSchema } from 'valibot'
import type { Route } from './route.ts'

const numbers: readonly unknown[] = [fenceSchema, seqSchema]
const problem = {
  description: 'Every failure',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}
const text = { type: 'string' }
const components = {
  schemas: {
    Problem: {
      type: 'object',
      required: ['type', 'title', 'status', 'code', 'detail', 'hint', 'requestId'],
      properties: {
        type: text,
        title: text,
        status: { type: 'integer' },
        code: text,
        detail: text,
        hint: text,
        requestId: text,
      },
    },
  },
  securitySchemes: {
    token: { type: 'http', scheme: 'bearer', description: 'An API token, mb_…' },
    cookie: {
      type: 'apiKey',
      in: 'cookie',
      name: 'mb_session',
      description: 'Set by POST /api/v1/auth/link; __Host-mb_session over HTTPS',
    },
    device: { type: 'http', scheme: 'MeshDevice', description: 'Proof of a registered device key' },
  },
}

export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')
    const item = paths[path] ?? {}
    item[route.method.toLowerCase()] = operation(route)
    if (route.head) item.head = operation(route)
    paths[path] = item
  }
  return { openapi: '3.1.0', info: { title: 'Meshbook', version, license: { name: 'Apache-2.0' } }, paths, components }
}

function operation(route: Route): object {
  return {
    summary: route.summary,
    parameters: [
      ...pathParameters(route.path),
      ...Object.entries(route.query ?? {}).map(([name, description]) => ({
        name,
        in: 'query',
        required: false,
        description,
        schema: text,
      })),
    ],
    ...(route.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } }
      : {}),
    ...(route.takesBytes ? { requestBody: { required: true, content: { 'application/octet-stream': {} } } } : {}),
    ...(route.form ? { requestBody: { required: true, content: { 'application/x-www-form-urlencoded': {} } } } : {}),
    responses: { ...success(route), default: problem },
    security: security(route),
  }
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: text }))
}

function success(route: Route): object {
  if (route.answer) {
    const content = { 'application/json': { schema: schemaOf(route.answer, 'output') } }
    return { 200: { description: 'Done', content }, ...(route.status ? { 201: { description: 'Made', content } } : {}) }
  }
  if (route.produces) return { 200: { description: 'Done', content: { [route.produces]: {} } } }
  return { 204: { description: 'Done' } }
}

function security(route: Route): object[] {
  if (route.access.to === 'public') return []
  if (route.access.to === 'loopback or token') return [{}, { token: [] }]
  return [{ cookie: [] }, { token: [] }, ...(route.access.devices ? [{ device: [] }] : [])]
}

/** Ids are checked by code that JSON Schema cannot say; they are strings, and fences and sequence numbers are integers. */
function schemaOf(schema: GenericSchema, typeMode: 'input' | 'output'): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    typeMode,
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema }) => {
      if (valibotSchema.type !== 'custom') return undefined
      return numbers.includes(valibotSchema) ? { type: 'integer', minimum: 1 } : { type: 'string' }
    },
  })
  return rest
}
