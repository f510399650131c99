/** What a schema cannot see: whether steps, inputs and expressions fit together. Pure. */
import { limits } from '../limits.ts'
import { durationMs } from './duration.ts'
import { ExpressionError, parseExpression, type Reference } from './expression.ts'
import { nearestWord } from './nearest-word.ts'
import type { Fault, Path } from './problem.ts'
import { type StepText, textsIn, textsOfStep } from './step-texts.ts'
import { bareExpression, parseTemplate } from './template.ts'
import {
  type Input,
  type Json,
  kindOf,
  needsOf,
  type Step,
  type StepKind,
  type Steps,
  stepKinds,
  type TriggerKind,
  triggerKinds,
  type Workflow,
  wayOut,
} from './workflow-schema.ts'

/** What expressions at a place may name. */
interface Sight {
  inputs: Readonly<Record<string, Input>>
  /** Steps that have ended when the place is looked at. */
  steps: ReadonlySet<string>
  /** All steps of this scope and those around it, for better words. */
  all: ReadonlySet<string>
  roots: ReadonlySet<string>
  takesSecrets: boolean
}

export function checkWorkflow(workflow: Workflow): Fault[] {
  const inputs = workflow.inputs ?? {}
  const sight: Sight = { inputs, steps: new Set(), all: new Set(), roots: new Set(), takesSecrets: false }
  const faults = [...checkInputs(inputs), ...checkTriggers(workflow)]
  if (workflow.concurrency)
    faults.push(...checkText({ path: ['concurrency', 'key'], text: workflow.concurrency.key, as: 'template' }, sight))
  return [...faults, ...checkScope(workflow.steps, ['steps'], sight, workflow.output, ['output'], 1)]
}

function checkTriggers({ name, on, inputs = {} }: Workflow): Fault[] {
  const all = triggerKinds.flatMap(kind => {
    const trigger = on?.[kind]
    return trigger ? checkEventInputs(kind, trigger.inputs ?? {}, inputs) : []
  })
  const of = on?.run?.of ?? []
  if (of === name || of.includes(name))
    all.push({ path: ['on', 'run', 'of'], what: 'it would start itself for ever', todo: 'name other workflows' })
  return all
}

/** Of a trigger: whether it gives every input that is needed, and none that is not there. */
function checkEventInputs(
  kind: TriggerKind,
  given: { [name: string]: Json },
  inputs: Readonly<Record<string, Input>>,
): Fault[] {
  const missing = Object.entries(inputs).filter(
    ([name, input]) => input.default === undefined && !Object.hasOwn(given, name),
  )
  const faults = missing.map(([name]): Fault => {
    const todo = inputs[name]!.type === 'secret' ? 'give it a default' : `give it a default, or on.${kind}.inputs`
    return { path: ['inputs', name], what: `${triggerWords[kind]} cannot give the input "${name}"`, todo }
  })
  const sight: Sight = { inputs: {}, steps: new Set(), all: new Set(), roots: new Set(['event']), takesSecrets: false }
  for (const [name, value] of Object.entries(given))
    faults.push(...checkEventInput(['on', kind, 'inputs', name], name, value, inputs, sight))
  return faults
}

const triggerWords = { schedule: 'the schedule', webhook: 'the webhook', files: 'a file', run: 'another run' } as const

function checkEventInput(
  path: Path,
  name: string,
  value: Json,
  inputs: Readonly<Record<string, Input>>,
  sight: Sight,
): Fault[] {
  const input = Object.hasOwn(inputs, name) ? inputs[name] : undefined
  if (!input)
    return [{ path, ofKey: true, what: `there is no input "${name}"`, todo: meant(name, Object.keys(inputs)) }]
  if (input.type === 'secret')
    return [{ path, ofKey: true, what: 'what starts a run names no secret of it', todo: 'give the input a default' }]
  const texts = textsIn(value, [...path])
  if (!texts.some(({ text }) => text.includes('${{')) && !fitsInput(input, value))
    return [{ path, what: `this is no ${input.type}`, todo: 'change it, or the type of the input' }]
  return texts.flatMap(text => checkText(text, sight))
}

function checkInputs(inputs: Readonly<Record<string, Input>>): Fault[] {
  return Object.entries(inputs).flatMap(([name, input]): Fault[] => {
    if (input.default === undefined) return []
    const path = ['inputs', name, 'default']
    const fits = fitsInput(input, input.default)
    return fits ? [] : [{ path, what: `the default is no ${input.type}`, todo: 'change the type or the default' }]
  })
}

/** The value of an input of type secret is the name of a secret. */
export function fitsInput({ type }: Input, value: Json): boolean {
  switch (type) {
    case 'secret':
      return typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(value)
    case 'integer':
      return Number.isSafeInteger(value)
    case 'list':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}

function checkScope(
  steps: Steps,
  path: Path,
  sight: Sight,
  output: Json | undefined,
  outputPath: Path,
  depth: number,
): Fault[] {
  if (depth > limits.scopeDepth)
    return [{ path, what: 'steps are nested too deeply', todo: 'move some to a workflow of their own' }]
  const ids = Object.keys(steps)
  const faults = ids.flatMap(id => [
    ...checkShape(id, steps[id]!, [...path, id], sight),
    ...checkNeeds(id, steps, [...path, id]),
  ])
  if (faults.length > 0) return faults
  const cycle = cycleIn(steps)
  if (cycle)
    return [
      {
        path: [...path, cycle[0]!],
        ofKey: true,
        what: `steps wait for each other: ${cycle.join(' → ')}`,
        todo: 'take one of these needs away',
      },
    ]
  const before = upstreamIn(steps)
  const all = new Set([...sight.all, ...ids])
  for (const id of ids) {
    const visible: Sight = { ...sight, steps: new Set([...sight.steps, ...before.get(id)!]), all }
    faults.push(...checkStep(steps[id]!, [...path, id], visible, depth))
  }
  const atEnd: Sight = { ...sight, steps: new Set([...sight.steps, ...ids]), all }
  return [...faults, ...textsIn(output, [...outputPath]).flatMap(text => checkText(text, atEnd))]
}

function checkShape(id: string, step: Step, path: Path, sight: Sight): Fault[] {
  const kinds = stepKinds.filter(kind => step[kind] !== undefined)
  if (kinds.length === 0)
    return [
      { path, ofKey: true, what: `the step "${id}" does nothing`, todo: `give it one of ${stepKinds.join(', ')}` },
    ]
  if (kinds.length > 1)
    return [
      {
        path: [...path, kinds[1]!],
        ofKey: true,
        what: `the step "${id}" has ${kinds.join(' and ')}`,
        todo: 'a step does one thing; make two steps of it',
      },
    ]
  if (sight.all.has(id))
    return [
      { path, ofKey: true, what: `there is a step "${id}" around this one`, todo: 'give one of them another name' },
    ]
  return checkKind(step, kinds[0]!, path)
}

const executed: readonly StepKind[] = ['notebook', 'cell', 'prompt', 'agent', 'http', 'notify', 'publish']
const timed: readonly StepKind[] = [...executed, 'map', 'repeat', 'workflow']
const placed: readonly StepKind[] = ['notebook', 'cell', 'agent']

/** Whether the kind is tried by an executor: these have retries and attempts. */
export function isExecuted(kind: StepKind): boolean {
  return executed.includes(kind)
}

export function isTimed(kind: StepKind): boolean {
  return timed.includes(kind)
}

function checkKind(step: Step, kind: StepKind, path: Path): Fault[] {
  const faults: Fault[] = []
  const without = (key: 'retry' | 'timeout' | 'runs-on', kinds: readonly StepKind[], todo: string): void => {
    if (step[key] !== undefined && !kinds.includes(kind))
      faults.push({ path: [...path, key], ofKey: true, what: `"${key}" has no effect on a step of kind ${kind}`, todo })
  }
  without('retry', executed, 'take it away; steps inside have retries of their own')
  without('timeout', timed, kind === 'gate' ? 'use gate.timeout' : kind === 'wait' ? 'use wait.for' : 'take it away')
  without('runs-on', placed, `only ${placed.join(', ')} run on a device`)
  return [...faults, ...checkConfig(step, path)]
}

function checkConfig(step: Step, path: Path): Fault[] {
  const { gate, wait, http } = step
  if (wait && wait.for === undefined && wait.signal === undefined)
    return [
      {
        path: [...path, 'wait'],
        what: 'it waits for nothing',
        todo: 'give "for" (a duration), "signal" (a name), or both',
      },
    ]
  if (gate?.choices && gate.form)
    return [
      {
        path: [...path, 'gate', 'form'],
        ofKey: true,
        what: 'a gate has choices or a form',
        todo: 'take one of them away',
      },
    ]
  if (gate?.on_timeout === 'approve' && (gate.choices || gate.form))
    return [{ path: [...path, 'gate', 'on_timeout'], what: 'nobody would have chosen', todo: 'use reject or fail' }]
  if (gate?.on_timeout !== undefined && gate.timeout === undefined)
    return [
      { path: [...path, 'gate', 'on_timeout'], ofKey: true, what: 'there is no timeout', todo: 'give gate.timeout' },
    ]
  if (http && !http.url.includes('${{') && !/^https?:\/\//.test(http.url))
    return [{ path: [...path, 'http', 'url'], what: 'it is no http or https address', todo: 'begin it with https://' }]
  if (http?.body !== undefined && (http.method ?? 'GET') === 'GET')
    return [{ path: [...path, 'http', 'body'], ofKey: true, what: 'GET sends no body', todo: 'set method: POST' }]
  return []
}

function checkNeeds(id: string, steps: Steps, path: Path): Fault[] {
  const step = steps[id]!
  const known = Object.keys(steps)
  const isList = Array.isArray(step.needs)
  const faults = needsOf(step).flatMap((need, i): Fault[] => {
    const at = [...path, 'needs', ...(isList ? [i] : [])]
    if (need === id) return [{ path: at, what: `the step "${id}" needs itself`, todo: 'take it away' }]
    return known.includes(need) ? [] : [{ path: at, what: `there is no step "${need}"`, todo: meant(need, known) }]
  })
  const out = wayOut(step)
  if (out === undefined) return faults
  const at = [...path, 'on_error']
  if (out === id) return [...faults, { path: at, what: 'a step is no way out of itself', todo: 'use retry' }]
  return known.includes(out)
    ? faults
    : [
        ...faults,
        {
          path: at,
          what: `"${out}" is neither fail nor continue nor a step`,
          todo: meant(out, ['fail', 'continue', ...known]),
        },
      ]
}

function meant(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known)
  return near === undefined ? `there are ${known.slice(0, 20).join(', ') || 'none'}` : `did you mean "${near}"?`
}

/** What must have ended before a step: its needs, and the steps of which it is the way out. */
export function edgesIn(steps: Steps): Map<string, string[]> {
  const edges = new Map(Object.entries(steps).map(([id, step]) => [id, [...needsOf(step)]]))
  for (const [id, step] of Object.entries(steps)) {
    const out = wayOut(step)
    if (out !== undefined && !edges.get(out)!.includes(id)) edges.get(out)!.push(id)
  }
  return edges
}

function cycleIn(steps: Steps): string[] | undefined {
  const edges = edgesIn(steps)
  const done = new Set<string>()
  const visit = (id: string, way: string[]): string[] | undefined => {
    const at = way.indexOf(id)
    if (at >= 0) return [...way.slice(at), id]
    if (done.has(id)) return undefined
    for (const need of edges.get(id)!) {
      const found = visit(need, [...way, id])
      if (found) return found
    }
    done.add(id)
    return undefined
  }
  for (const id of edges.keys()) {
    const found = visit(id, [])
    if (found) return found
  }
  return undefined
}

export function upstreamIn(steps: Steps): Map<string, Set<string>> {
  const edges = edgesIn(steps)
  const found = new Map<string, Set<string>>()
  const of = (id: string): Set<string> => {
    const known = found.get(id)
    if (known) return known
    const before = new Set(edges.get(id)!.flatMap(need => [need, ...of(need)]))
    found.set(id, before)
    return before
  }
  for (const id of edges.keys()) of(id)
  return found
}

function checkStep(step: Step, path: Path, sight: Sight, depth: number): Fault[] {
  const faults = textsOfStep(step).flatMap(text => checkText({ ...text, path: [...path, ...text.path] }, sight))
  const { map, repeat } = step
  if (map) {
    const inside = { ...sight, roots: new Set([...sight.roots, 'item', 'index']) }
    const at = [...path, 'map']
    faults.push(...checkScope(map.steps, [...at, 'steps'], inside, map.output, [...at, 'output'], depth + 1))
    if (typeof map.over === 'string' && !map.over.includes('${{'))
      faults.push({
        path: [...at, 'over'],
        what: 'it is a text and no list',
        todo: 'write a list, or ${{ … }} around an expression',
      })
  }
  if (repeat) {
    const inside = { ...sight, roots: new Set([...sight.roots, 'round']) }
    const at = [...path, 'repeat']
    faults.push(...checkScope(repeat.steps, [...at, 'steps'], inside, repeat.output, [...at, 'output'], depth + 1))
    const ids = Object.keys(repeat.steps)
    const atEnd = { ...inside, steps: new Set([...sight.steps, ...ids]), all: new Set([...sight.all, ...ids]) }
    faults.push(...checkText({ path: [...at, 'until'], text: repeat.until, as: 'expression' }, atEnd))
  }
  return faults
}

function checkText({ path, text, as }: StepText, sight: Sight): Fault[] {
  const secretInputs = new Set(Object.keys(sight.inputs).filter(name => sight.inputs[name]!.type === 'secret'))
  try {
    if (as === 'expression') {
      const { references } = parseExpression(bareExpression(text))
      return references.flatMap(reference => checkReference(reference, path, 0, sight))
    }
    return parseTemplate(text, { secretInputs, takesSecrets: as === 'secrets' }).flatMap(part => {
      if ('expression' in part)
        return part.expression.references.flatMap(reference => checkReference(reference, path, part.at, sight))
      return []
    })
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
    return [{ path, what: thrown.message, todo: 'see "Expressions" in docs/workflows.md', at: thrown.at }]
  }
}

function checkReference({ root, name }: Reference, path: Path, at: number, sight: Sight): Fault[] {
  const fault = (what: string, todo: string): Fault[] => [{ path, what, todo, at }]
  switch (root) {
    case 'secrets':
      return fault(
        'a secret cannot be used here',
        'secrets stand by themselves, in headers of http: ${{ secrets.NAME }}',
      )
    case 'inputs': {
      const known = Object.keys(sight.inputs)
      if (name === undefined) return fault('inputs are named one by one', 'write inputs.NAME')
      if (!Object.hasOwn(sight.inputs, name)) return fault(`there is no input "${name}"`, meant(name, known))
      return sight.inputs[name]!.type === 'secret'
        ? fault(`the input "${name}" is a secret`, 'secrets stand by themselves, in headers of http')
        : []
    }
    case 'steps':
      if (name === undefined) return fault('steps are named one by one', 'write steps.NAME, or steps["NAME"]')
      if (sight.steps.has(name)) return []
      return sight.all.has(name)
        ? fault(`"${name}" may not have ended then`, `add it to needs`)
        : fault(`there is no step "${name}"`, meant(name, [...sight.steps]))
    case 'run':
      return sight.roots.has('event') ? fault('there is no run yet', 'use event') : []
    case 'event':
      return sight.roots.has('event') ? [] : fault('"event" is only known in inputs of what starts a run', 'use inputs')
    case 'item':
    case 'index':
    case 'round':
      if (sight.roots.has(root)) return []
      return fault(`"${root}" is only known inside of ${root === 'round' ? 'repeat' : 'map'}`, 'use it in its steps')
    default:
      return []
  }
}

/** A step's own time, or that of the defaults, or the general one. */
export function timeoutOf(step: Step, defaults: Workflow['defaults']): number | undefined {
  const kind = kindOf(step)
  if (!isTimed(kind)) return undefined
  const given = step.timeout ?? (isExecuted(kind) ? defaults?.timeout : undefined)
  if (given !== undefined) return durationMs(given)
  return isExecuted(kind) ? limits.stepMs : undefined
}
