/** What is written in the form of a new task, and the request that it becomes. Pure. */
import type { NewTask, ToolRule } from '@meshbook/core/tasks-api.ts'

export interface Wish {
  prompt: string
  repo: string
  base: string
  /** As a task names it; empty: the hub's own. */
  agent: string
  model: string
  budget: string
  rules: Record<'files' | 'shell' | 'cells', '' | ToolRule>
  pullRequest: boolean
}

export const noWish: Wish = {
  prompt: '',
  repo: '',
  base: '',
  agent: '',
  model: '',
  budget: '',
  rules: { files: '', shell: '', cells: '' },
  pullRequest: true,
}

const toolsOf = { files: ['write', 'edit'], shell: ['shell'], cells: ['notebook_cell'] } as const

/** Without an id: the same wish is always the same words. */
export function wishedTask({ prompt, repo, base, agent, model, budget, rules, pullRequest }: Wish): NewTask {
  const tools = Object.entries(toolsOf).flatMap(([power, names]) => {
    const rule = rules[power as keyof typeof toolsOf]
    return rule === '' ? [] : names.map(name => [name, rule] as const)
  })
  return {
    prompt: prompt.trim(),
    repo,
    ...(base.trim() !== '' && { base: base.trim() }),
    ...(agent !== '' && { agent }),
    ...(model.trim() !== '' && { model: model.trim() }),
    ...(budget.trim() !== '' && { budget: { microUsd: Math.round(Number(budget) * 1e6) } }),
    ...(tools.length > 0 && { tools: Object.fromEntries(tools) }),
    ...(!pullRequest && { pullRequest }),
  } as NewTask
}
