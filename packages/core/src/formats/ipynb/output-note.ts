/** The JSON object at the end of a fence's opening line. */
import { inlineJson, JsonObject, parseJson } from './json-text.ts'

/** The text of the object after the first words of an opening line; empty if there is none. */
export function jsonAfter(open: string): string {
  return /^[^\n{]*(?:\{code-cell\}[^\n{]*)?(\{.*\})[ \t]*\r?(?:\n|$)/.exec(open)?.[1] ?? ''
}

/** What an output's fence says beside its run, as it was written by a program; else nothing. */
export function readOutputNote(open: string): JsonObject {
  const text = jsonAfter(open)
  try {
    const value = text === '' ? undefined : parseJson(text)
    return value instanceof JsonObject && inlineJson(value) === text ? value : new JsonObject()
  } catch {
    // Words of somebody's own.
    return new JsonObject()
  }
}
