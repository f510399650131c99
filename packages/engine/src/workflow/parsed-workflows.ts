/** Files that were parsed lately: the same text is the same workflow, which nobody changes. */
import { limits } from '@meshbook/core/limits.ts'
import { type ParsedWorkflow, parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'

/** By their texts, the one that was used last at the end. */
const known = new Map<string, ParsedWorkflow>()

export function parsedWorkflow(text: string): ParsedWorkflow {
  const parsed = known.get(text) ?? parseWorkflow(text)
  known.delete(text)
  if (!parsed.workflow) return parsed
  known.set(text, parsed)
  for (const oldest of known.keys()) {
    if (known.size <= limits.parsedWorkflowTexts) break
    known.delete(oldest)
  }
  return parsed
}
