/** What a valid file asks of whoever runs it, as lines for people. Pure. */
import { limits } from '@meshbook/core/limits.ts'
import { nextTime } from '@meshbook/core/workflow/cron.ts'
import { triggerKinds, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'

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
  if (on?.webhook) {
    const { secret, from = 'meshbook' } = on.webhook
    lines.push(`  webhook of ${from} with the secret ${secret}; a hub is needed for it`)
  }
  if (on?.files) {
    const { paths, device = 'any device', quiet = `${limits.filesQuietMs}ms` } = on.files
    lines.push(`  files ${paths.join(', ')} on ${device}, once quiet for ${quiet}; a hub is needed for it`)
  }
  if (on?.run) {
    const { of, ends = ['completed'] } = on.run
    lines.push(`  after ${[of].flat().join(', ')} when ${ends.join(' or ')}; a hub is needed for it`)
  }
  for (const kind of triggerKinds)
    for (const [name, value] of Object.entries(on?.[kind]?.inputs ?? {}))
      lines.push(`    ${kind} gives ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  if (on?.manual === false) lines.push('  it is not started by hand')
  return [...lines, ...unavailable.map(line => `  not on this machine alone: ${line}`)]
}
