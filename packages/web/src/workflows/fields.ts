/** Inputs of a workflow, and forms of its gates, as fields of a page, and what was typed there as JSON. Pure. */
import type { Input, Json } from '@meshbook/core/workflow/workflow-schema.ts'

export interface Field {
  name: string
  label: string
  hint: string
  as: 'text' | 'long' | 'number' | 'integer' | 'boolean' | 'choice' | 'json' | 'secret'
  /** Of a choice. */
  options: readonly Json[]
  required: boolean
  /** What stands there at first. */
  text: string
}
export type Texts = Readonly<Record<string, string>>
export type Read = { value: { [name: string]: Json } } | { problems: Readonly<Record<string, string>> }

const inputFields: Record<Input['type'], Field['as']> = {
  string: 'text',
  number: 'number',
  integer: 'integer',
  boolean: 'boolean',
  list: 'json',
  object: 'json',
  secret: 'secret',
}
const inputHints: Partial<Record<Input['type'], string>> = {
  list: 'A list, as JSON: ["a", "b"]',
  object: 'An object, as JSON: {"a": 1}',
  secret: 'The name of a key of the vault, never its value',
}

/** `given`: values that stand there instead of the defaults. */
export function fieldsOfInputs(inputs: Readonly<Record<string, Input>>, given: { [name: string]: Json } = {}): Field[] {
  return Object.entries(inputs).map(([name, input]) => {
    const value = Object.hasOwn(given, name) ? given[name] : input.default
    return {
      ...{ name, label: name, hint: inputHints[input.type] ?? '', options: [], required: input.default === undefined },
      as: inputFields[input.type],
      text: textOf(value, inputFields[input.type]),
    }
  })
}

interface Property {
  type?: Json
  enum?: Json[]
  title?: string
  description?: string
  default?: Json
  maxLength?: number
}

/** Of a JSON Schema; undefined where it is nothing that fields could be made of, and JSON is typed instead. */
export function fieldsOfSchema(schema: { [key: string]: Json | unknown }): Field[] | undefined {
  const { properties, required = [] } = schema as { properties?: unknown; required?: unknown }
  const isObject = schema.type === 'object' || schema.type === undefined
  if (!isObject || typeof properties !== 'object' || properties === null || Array.isArray(properties)) return undefined
  const needed = Array.isArray(required) ? required : []
  return Object.entries(properties as Record<string, Property>).map(([name, property]) => {
    const one = typeof property === 'object' && property !== null ? property : {}
    const as = kindOfProperty(one)
    return {
      ...{ name, as, label: typeof one.title === 'string' ? one.title : name },
      hint: typeof one.description === 'string' ? one.description : as === 'json' ? 'A value, as JSON' : '',
      options: Array.isArray(one.enum) ? one.enum : [],
      required: needed.includes(name),
      text: textOf(one.default, as),
    }
  })
}

function kindOfProperty({ type, enum: options, maxLength }: Property): Field['as'] {
  if (Array.isArray(options) && options.length > 0) return 'choice'
  if (type === 'string') return maxLength !== undefined && maxLength > 200 ? 'long' : 'text'
  if (type === 'number' || type === 'integer' || type === 'boolean') return type
  return 'json'
}

function textOf(value: Json | undefined, as: Field['as']): string {
  if (value === undefined) return as === 'boolean' ? 'false' : ''
  if (as === 'choice' || as === 'json') return JSON.stringify(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What is not needed and was left empty is left out. */
export function readFields(fields: readonly Field[], texts: Texts): Read {
  const value: { [name: string]: Json } = {}
  const problems: Record<string, string> = {}
  for (const field of fields) {
    const text = texts[field.name] ?? field.text
    const isEmpty = text.trim() === ''
    if (isEmpty && !field.required) {
      // An empty text is a text; only where there was another one it was meant to be empty.
      if (field.as === 'text' || field.as === 'long') if (field.text !== '') value[field.name] = text
      continue
    }
    const read = readField(field, text)
    if ('problem' in read) problems[field.name] = read.problem
    else value[field.name] = read.value
  }
  return Object.keys(problems).length > 0 ? { problems } : { value }
}

function readField({ as }: Field, text: string): { value: Json } | { problem: string } {
  const isEmpty = text.trim() === ''
  switch (as) {
    case 'text':
    case 'long':
      return { value: text }
    case 'secret':
      return isEmpty ? { problem: 'Give the name of a key.' } : { value: text.trim() }
    case 'boolean':
      return { value: text === 'true' }
    case 'choice':
      return isEmpty ? { problem: 'Choose one.' } : { value: JSON.parse(text) as Json }
    case 'number':
    case 'integer':
      return numberOf(text, as)
    case 'json':
      return jsonOf(text)
  }
}

function numberOf(text: string, as: 'number' | 'integer'): { value: Json } | { problem: string } {
  const value = Number(text.trim())
  if (text.trim() === '' || !Number.isFinite(value)) return { problem: 'Give a number, such as 3.' }
  if (as === 'integer' && !Number.isSafeInteger(value)) return { problem: 'Give a whole number, such as 3.' }
  return { value }
}

function jsonOf(text: string): { value: Json } | { problem: string } {
  if (text.trim() === '') return { problem: 'Give a value as JSON.' }
  try {
    return { value: JSON.parse(text) as Json }
  } catch (thrown) {
    return { problem: `This is no JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}` }
  }
}

/** What is sent as the value of a signal: JSON where it is JSON, or else the text itself. */
export function signalValue(text: string): Json {
  if (text.trim() === '') return null
  const read = jsonOf(text)
  return 'value' in read ? read.value : text
}
