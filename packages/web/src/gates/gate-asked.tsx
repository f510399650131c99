/** What a gate of a workflow asks for beside yes and no: one of its choices, or its form (PO23). */
import '../workflows/fields.css'
import type { Gate } from '@meshbook/core/api.ts'
import { useMemo, useState } from 'preact/hooks'
import { FieldInputs } from '../workflows/field-inputs.tsx'
import { type Field, fieldsOfSchema, readFields, type Texts } from '../workflows/fields.ts'
import type { GateSaid } from './gate-decision.ts'

export interface Asked {
  choice: string | undefined
  choose(choice: string): void
  fields: readonly Field[]
  texts: Texts
  change(texts: Texts): void
  problems: Readonly<Record<string, string>>
  /** What is sent with a yes; undefined, and said at its field, where something is missing. */
  said(): GateSaid | undefined
}

const whole = 'form'
/** A schema that no fields can be made of is answered with JSON. */
const wholeField: Field = {
  name: whole,
  label: 'Answer',
  hint: 'A value, as JSON',
  as: 'json',
  options: [],
  required: true,
  text: '',
}

export function useAsked({ choices, form }: Gate): Asked {
  const [choice, choose] = useState<string | undefined>(undefined)
  const [texts, change] = useState<Texts>({})
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({})
  const made = useMemo(() => (form === null ? undefined : fieldsOfSchema(form)), [JSON.stringify(form)])
  const fields = form === null ? [] : (made ?? [wholeField])
  const said = (): GateSaid | undefined => {
    const read = readFields(fields, texts)
    const wrong: Record<string, string> = 'problems' in read ? { ...read.problems } : {}
    if (choices !== null && choice === undefined) wrong[choiceName] = 'Choose one.'
    setProblems(wrong)
    if ('problems' in read || Object.keys(wrong).length > 0) return undefined
    const value = made ? read.value : read.value[whole]
    return { ...(choice !== undefined && { choice }), ...(form !== null && { form: value }) }
  }
  return { choice, choose, fields, texts, change, problems, said }
}

const choiceName = 'the choice'

export function GateAsked({ gate: { id, choices }, asked }: { gate: Gate; asked: Asked }) {
  if (choices === null && asked.fields.length === 0) return null
  const problem = asked.problems[choiceName] ?? ''
  return (
    <div class="gate-asked">
      {choices !== null && (
        <fieldset aria-invalid={problem !== '' || undefined} aria-describedby={problem ? `${id}-choice` : undefined}>
          <legend>Choose one to approve</legend>
          <div class="gate-choices">
            {choices.map(one => (
              <label key={one} class="gate-choice">
                <input
                  type="radio"
                  name={`${id}-choices`}
                  checked={asked.choice === one}
                  onChange={() => asked.choose(one)}
                />
                {one}
              </label>
            ))}
          </div>
          {problem !== '' && (
            <span id={`${id}-choice`} class="flow-field-problem" role="alert">
              {problem}
            </span>
          )}
        </fieldset>
      )}
      {asked.fields.length > 0 && (
        <FieldInputs
          prefix={id}
          fields={asked.fields}
          texts={asked.texts}
          problems={asked.problems}
          change={asked.change}
        />
      )}
    </div>
  )
}
