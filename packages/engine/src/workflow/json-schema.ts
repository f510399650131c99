/** Whether a value fits a JSON Schema: answers of models, and forms of gates. Interpreted; nothing is fetched. */
import { type Schema, Validator } from '@cfworker/json-schema'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'

const mostFaults = 5

/** In words, the innermost first; none where it fits. */
export function schemaFaults(schema: { [key: string]: Json }, value: Json): string[] {
  try {
    const { valid, errors } = new Validator(schema as Schema, '2020-12', false).validate(value)
    if (valid) return []
    // What is around a fault is wrong because of it.
    const words = errors.map(
      ({ instanceLocation, error }) => `${instanceLocation.replace(/^#\/?/, '') || 'value'}: ${error}`,
    )
    return words.reverse().slice(0, mostFaults)
  } catch (thrown) {
    return [`the schema cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`]
  }
}
