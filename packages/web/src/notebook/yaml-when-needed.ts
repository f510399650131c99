/**
 * Stands in for the package `yaml` in the bundle (see vite.config.ts): most notebooks have no front matter, and it is a
 * third of what a notebook would load. Until the package is there, front matter reads as empty.
 */
import type { Document, DocumentOptions, ParseOptions, SchemaOptions } from 'yaml'

type Options = ParseOptions & DocumentOptions & SchemaOptions
type Parsed = Pick<Document.Parsed, 'errors' | 'toJS'>

let yaml: { parseDocument(source: string, options?: Options): Parsed } | undefined

/** Loads the package; resolves with whether it was not there before, so that what was read must be read again. */
export async function loadYaml(): Promise<boolean> {
  if (yaml) return false
  yaml = await import('virtual:full-yaml')
  return true
}

export function parseDocument(source: string, options?: Options): Parsed {
  return yaml ? yaml.parseDocument(source, options) : { errors: [], toJS: () => ({}) }
}
