/** The part of the file that is about one step, with its expressions evaluated: what its executor is given. Pure. */
import type { Names } from '@meshbook/core/workflow/expression.ts'
import { templated } from '@meshbook/core/workflow/step-texts.ts'
import { renderAll, renderSecretText } from '@meshbook/core/workflow/template.ts'
import { type Json, kindOf, type Step } from '@meshbook/core/workflow/workflow-schema.ts'

/** Throws an `ExpressionError`. */
export function renderStep(step: Step, names: Names, secretInputs: ReadonlySet<string>): { [key: string]: Json } {
  const kind = kindOf(step)
  const config = step[kind] as { [key: string]: Json }
  const rendered = Object.entries(config).map(([key, value]): [string, Json] => [
    key,
    templated[kind].includes(key) ? renderAll(value, names) : value,
  ])
  const input = Object.fromEntries(rendered)
  if (kind === 'http' && step.http?.headers) input.headers = headersOf(step.http.headers, names, secretInputs)
  const place = step['runs-on']
  if (place !== undefined) input['runs-on'] = typeof place === 'string' ? { device: place } : (place as Json)
  return input
}

function headersOf(headers: Record<string, string>, names: Names, secretInputs: ReadonlySet<string>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, renderSecretText(text, names, secretInputs) as Json]),
  )
}
