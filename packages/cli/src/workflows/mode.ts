/**
 * Where steps run and who pays for models: two questions, each answered by the first rule that has an answer. Pure. There
 * is no silent fallback: what was asked for and is not there is an error.
 */
export const executions = ['local', 'cloud'] as const
export const inferences = ['byok', 'managed'] as const
export type ExecutionMode = (typeof executions)[number]
export type InferenceMode = (typeof inferences)[number]

export interface ModeAsked {
  execution?: ExecutionMode
  inference?: InferenceMode
  /** Short for both. */
  mode?: ModeName
}

export const modes = ['local', 'cloud', 'managed'] as const
export type ModeName = (typeof modes)[number]

/** What is kept: nothing of it is asked while a flag answers. */
export interface ModeKept {
  /** The hub whose account is linked here. That it is linked decides nothing. */
  account: { hub: string; mode: ModeName | null } | null
  /** What this machine keeps. */
  machine: ModeName | null
}

export interface Rule<T> {
  rule: string
  /** What it says; null where it says nothing, and the next is asked. */
  answer: T | null
}

export interface Mode {
  execution: ExecutionMode
  inference: InferenceMode
  tried: { execution: Rule<ExecutionMode>[]; inference: Rule<InferenceMode>[] }
}

const short = {
  local: { execution: 'local', inference: 'byok' },
  cloud: { execution: 'cloud', inference: 'byok' },
  managed: { execution: 'cloud', inference: 'managed' },
} as const

export function resolveMode({ execution, inference, mode }: ModeAsked, { account, machine }: ModeKept): Mode {
  const shorthand = mode === undefined ? undefined : short[mode]
  const ofAccount = account?.mode ? short[account.mode] : undefined
  const ofMachine = machine === null ? undefined : short[machine]
  const accountRule = account === null ? 'a linked account' : `the account at ${account.hub}`
  const forExecution: Rule<ExecutionMode>[] = [
    { rule: '--execution', answer: execution ?? null },
    { rule: '--mode', answer: shorthand?.execution ?? null },
    { rule: accountRule, answer: ofAccount?.execution ?? null },
    { rule: 'this machine', answer: ofMachine?.execution ?? null },
    { rule: 'the default', answer: 'local' },
  ]
  const forInference: Rule<InferenceMode>[] = [
    { rule: '--inference', answer: inference ?? null },
    { rule: '--mode', answer: shorthand?.inference ?? null },
    { rule: accountRule, answer: ofAccount?.inference ?? null },
    { rule: 'this machine', answer: ofMachine?.inference ?? null },
    { rule: 'the default', answer: 'byok' },
  ]
  const tried = { execution: upToAnswer(forExecution), inference: upToAnswer(forInference) }
  return { execution: tried.execution.at(-1)!.answer!, inference: tried.inference.at(-1)!.answer!, tried }
}

function upToAnswer<T>(rules: Rule<T>[]): Rule<T>[] {
  return rules.slice(0, rules.findIndex(({ answer }) => answer !== null) + 1)
}

export function explained({ execution, inference, tried }: Mode): string[] {
  const lines = (what: string, rules: readonly Rule<string>[]): string[] => [
    what,
    ...rules.map(({ rule, answer }) => `  ${rule}: ${answer ?? 'not given'}`),
  ]
  return [
    ...lines(`steps run: ${execution}`, tried.execution),
    ...lines(`models are paid: ${inference}`, tried.inference),
  ]
}
