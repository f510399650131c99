/** The routes of the model gateway, and of what was used there. */
import { activitySchema, listOf } from '@meshbook/core/api.ts'
import {
  modelKeySchema,
  monthBudgetSchema,
  newModelKeySchema,
  newMonthBudgetSchema,
  statementSchema,
  usageReportSchema,
} from '@meshbook/core/models-api.ts'
import { endpoints, gatewayPath } from '../gateway/endpoints.ts'
import { refusalOf } from '../gateway/wire-errors.ts'
import type { Parts } from '../parts.ts'
import { getProjectBudget, getStatement, listBudgets, setBudget, setProjectBudget } from './budget-handlers.ts'
import { askModel, getActivity, getUsage, listModelKeys, makeModelKey } from './gateway-handlers.ts'
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
      path: `${v1}/activity`,
      about: 'self',
      scope: 'read',
      summary: 'How many runs were asked for in your org, and how many failed, by day (UTC)',
      query: {
        from: 'milliseconds since 1970; 30 days ago if absent',
        to: 'milliseconds since 1970; now if absent',
      },
      answer: activitySchema,
      handle: ask => getActivity(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${v1}/statement`,
      about: 'self',
      scope: 'read',
      summary: 'The statement of a month (UTC): every call of a model of your org by project, member and model',
      query: { month: 'such as 2026-01; this month if absent', as: 'json or csv; json if absent' },
      answer: statementSchema,
      handle: ask => getStatement(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${v1}/budgets`,
      about: 'self',
      scope: 'read',
      summary: 'Budgets of each month (UTC) in your org, and what is spent and held of them in this one',
      answer: listOf(monthBudgetSchema),
      handle: ask => listBudgets(parts, ask),
    }),
    userRoute({
      method: 'PUT',
      path: `${v1}/budget`,
      about: 'self',
      scope: 'all',
      summary: 'Set what all that is asked in your org may cost in a month, or take the budget away',
      body: newMonthBudgetSchema,
      answer: monthBudgetSchema,
      handle: ask => setBudget(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${v1}/projects/:id/budget`,
      about: { the: 'project', named: 'id' },
      scope: 'read',
      summary: 'What a project may cost in a month, and what is spent and held of it in this one',
      answer: monthBudgetSchema,
      handle: ask => getProjectBudget(parts, ask),
    }),
    userRoute({
      method: 'PUT',
      path: `${v1}/projects/:id/budget`,
      about: { the: 'project', named: 'id' },
      scope: 'all',
      summary: 'Set what a project may cost in a month, or take the budget away',
      body: newMonthBudgetSchema,
      answer: monthBudgetSchema,
      handle: ask => setProjectBudget(parts, ask),
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
