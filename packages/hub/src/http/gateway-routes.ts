/** The routes of the model gateway, and of what was used there. */
import { listOf } from '@meshbook/core/api.ts'
import { modelKeySchema, newModelKeySchema, usageReportSchema } from '@meshbook/core/models-api.ts'
import { endpoints, gatewayPath } from '../gateway/endpoints.ts'
import { refusalOf } from '../gateway/wire-errors.ts'
import type { Parts } from '../parts.ts'
import { askModel, getUsage, listModelKeys, makeModelKey } from './gateway-handlers.ts'
import { type Route, userRoute } from './route.ts'

export function gatewayRoutes(parts: Parts): Route[] {
  const v1 = '/api/v1'
  return [
    ...endpoints.map(endpoint =>
      userRoute({
        method: endpoint.method,
        path: `${gatewayPath}/${endpoint.wire}${endpoint.path}`,
        about: 'self',
        scope: 'run',
        models: true,
        summary: `Ask a model, as the API of ${endpoint.wire} has it`,
        produces: 'application/json',
        fails: (error, requestId) => {
          const { status, headers, body } = refusalOf(endpoint.wire, error, requestId)
          return new Response(new Uint8Array(body), { status, headers })
        },
        handle: ask => askModel(parts, endpoint, ask),
      }),
    ),
    userRoute({
      method: 'GET',
      path: `${v1}/usage`,
      about: 'self',
      scope: 'read',
      summary: 'What models were used for and what it cost, by day, model, task, token and user',
      query: {
        from: 'milliseconds since 1970; 30 days ago if absent',
        to: 'milliseconds since 1970; now if absent',
      },
      answer: usageReportSchema,
      handle: ask => getUsage(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${v1}/model-keys`,
      about: 'self',
      scope: 'read',
      summary: 'Your tokens that only ask models, with their budgets and what they spent',
      answer: listOf(modelKeySchema),
      handle: ask => listModelKeys(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/model-keys`,
      about: 'self',
      scope: 'all',
      summary: 'Make a token that only asks models, up to a budget; shown once, ended as every token',
      body: newModelKeySchema,
      answer: modelKeySchema,
      status: 201,
      handle: ask => makeModelKey(parts, ask),
    }),
  ]
}
