/** What a valid file asks of whoever runs it, as lines for people. Pure. */
import { nextTime } from '@meshbook/core/workflow/cron.ts'
import type { Workflow } from '@meshbook/core/workflow/workflow-schema.ts'

export function factsOf(workflow: Workflow, unavailable: readonly string[], now: number): string[] {
  const { on, inputs = {}, steps } = workflow
  const lines = [`✔ ${workflow.name}: ${Object.keys(steps).length} steps`]
  const needed = Object.entries(inputs).filter(([, input]) => input.default === undefined)
  if (needed.length > 0)
    lines.push(`  inputs to give: ${needed.map(([name, { type }]) => `${name} (${type})`).join(', ')}`)
  if (on?.schedule) {
    const { cron, timezone = 'UTC', missed = 'skip' } = on.schedule
    const at = nextTime(cron, timezone, now)
    const when = at === undefined ? 'never' : `next at ${new Date(at).toISOString()}`
    lines.push(`  schedule: ${cron} in ${timezone}, ${when}; missed: ${missed}; a hub is needed for it`)
  }
  if (on?.webhook) lines.push(`  webhook with the secret ${on.webhook.secret}; a hub is needed for it`)
  if (on?.manual === false) lines.push('  it is not started by hand')
  return [...lines, ...unavailable.map(line => `  not on this machine alone: ${line}`)]
}
