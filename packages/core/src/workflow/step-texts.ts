/** Where in a step expressions may stand: the one list for the checks before a run and for the rendering in it. */
import { type Json, kindOf, type Step, type StepKind } from './workflow-schema.ts'

/** Keys whose texts, however deep, are templates. `http.headers` is apart: secrets may stand there. */
export const templated: Readonly<Record<StepKind, readonly string[]>> = {
  notebook: ['document', 'session'],
  cell: ['code', 'session'],
  prompt: ['system', 'user'],
  agent: ['prompt', 'repo'],
  http: ['url', 'body'],
  transform: [],
  map: ['over'],
  repeat: [],
  gate: ['ask', 'show'],
  wait: [],
  workflow: ['inputs'],
  notify: ['title', 'text'],
  publish: ['document'],
}

export interface StepText {
  path: (string | number)[]
  text: string
  as: 'template' | 'expression' | 'secrets'
}

/** Of the step itself; what its own steps hold is theirs. */
export function textsOfStep(step: Step): StepText[] {
  const kind = kindOf(step)
  const config = step[kind] as { [key: string]: Json } | string
  const own: StepText[] = step.if === undefined ? [] : [{ path: ['if'], text: step.if, as: 'expression' }]
  if (kind === 'transform') {
    if (typeof config === 'string') return [...own, { path: [kind], text: config, as: 'expression' }]
    return [...own, ...textsIn(config as Json, [kind])]
  }
  if (typeof config === 'string') return own
  const texts = templated[kind].flatMap(key => textsIn(config[key], [kind, key]))
  const headers = Object.entries(step.http?.headers ?? {}).map(
    ([name, text]): StepText => ({ path: ['http', 'headers', name], text, as: 'secrets' }),
  )
  return [...own, ...texts, ...headers]
}

export function textsIn(value: Json | undefined, path: (string | number)[]): StepText[] {
  if (typeof value === 'string') return [{ path, text: value, as: 'template' }]
  if (Array.isArray(value)) return value.flatMap((one, i) => textsIn(one, [...path, i]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]) => textsIn(one, [...path, key]))
}
