/** What the page that runs a workflow begins with: files and inputs of a run that is to be run with others. */
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'

export interface StartDraft {
  project: string | undefined
  file: string
  files: Readonly<Record<string, string>>
  inputs: { [name: string]: Json }
}

let draft: StartDraft | undefined

export function keepStartDraft(next: StartDraft): void {
  draft = next
}

export function takeStartDraft(): StartDraft | undefined {
  const taken = draft
  draft = undefined
  return taken
}
