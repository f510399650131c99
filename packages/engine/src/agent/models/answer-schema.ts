/** How far a provider can be held to a JSON Schema, and the words for it where it cannot. Pure. */
type Schema = Record<string, unknown>

/** For all: what a schema is made of, and what only says something about it. */
const parts = ['type', 'properties', 'required', 'items', 'enum', 'const', 'anyOf', 'description', 'title', '$schema']
/** What a client turns into words of the description, because the provider does not enforce it. */
const bounds = [
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...[
    'pattern',
    'format',
    'minItems',
    'maxItems',
    'uniqueItems',
    'minProperties',
    'maxProperties',
    'default',
    'examples',
  ],
]
const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']

/** Nothing is lost where no object of it may have other fields than those that are named. */
export function isClosed(schema: Schema): boolean {
  return everyPart(schema, [...parts, ...bounds], ({ type, properties, additionalProperties }) => {
    if (type !== 'object') return additionalProperties === undefined
    return isObject(properties) && Object.keys(properties).length > 0 && !additionalProperties
  })
}

/** Closed in so many words, and every field is there: what may be enforced to the letter. */
export function isComplete(schema: Schema): boolean {
  return everyPart(schema, parts, ({ type, properties, required, additionalProperties }) => {
    if (type !== 'object') return additionalProperties === undefined
    const named: unknown[] = Array.isArray(required) ? required : []
    return (
      isObject(properties) &&
      additionalProperties === false &&
      Object.keys(properties).every(one => named.includes(one))
    )
  })
}

/** The system text, and behind it what the answer has to be. */
export function inWords(system: string, schema: Schema): string {
  const words = `Answer with JSON alone, without a word around it. It has to fit this JSON Schema:\n${JSON.stringify(schema)}`
  return system === '' ? words : `${system}\n\n${words}`
}

function everyPart(schema: unknown, keys: readonly string[], holds: (schema: Schema) => boolean): boolean {
  if (!isObject(schema) || !holds(schema)) return false
  if (!Object.keys(schema).every(key => keys.includes(key) || key === 'additionalProperties')) return false
  const { type, properties = {}, items, anyOf = [] } = schema
  const isNamed =
    type === undefined ? ['enum', 'const', 'anyOf'].some(key => key in schema) : types.includes(String(type))
  if (!isNamed || !isObject(properties) || !Array.isArray(anyOf)) return false
  const inner: unknown[] = [...Object.values(properties), ...(items === undefined ? [] : [items]), ...anyOf]
  return inner.every(one => everyPart(one, keys, holds))
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
