/** The JSON Schema of workflow files, from the schema that checks them: for editors that complete and check YAML. */
import { toJsonSchema } from '@valibot/to-json-schema'
import { stepKinds, workflowSchema } from './workflow-schema.ts'

type Plain = Record<string, unknown>

export function workflowJsonSchema(): Plain {
  const plain = toJsonSchema(workflowSchema, {
    errorMode: 'ignore',
    typeMode: 'input',
  }) as unknown as Plain
  const all = structuredClone(plain)
  for (const step of stepsIn(all)) step.oneOf = stepKinds.map(kind => ({ required: [kind] }))
  return { ...all, $id: 'https://meshbook.dev/schemas/workflow-v1.json', title: 'Meshbook workflow' }
}

/** Objects whose properties are those of a step: exactly one kind is not in the schema itself. */
function stepsIn(value: unknown): Plain[] {
  if (typeof value !== 'object' || value === null) return []
  const own = value as Plain
  const properties = own.properties as Plain | undefined
  const isStep = properties !== undefined && stepKinds.every(kind => kind in properties)
  return [...(isStep ? [own] : []), ...Object.values(own).flatMap(stepsIn)]
}
