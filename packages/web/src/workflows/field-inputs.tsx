/** Fields of a form that came as data: inputs of a workflow, or what a gate asks for (PO23, PO75). */
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Field, Texts } from './fields.ts'

interface FieldInputsProps {
  /** No two on a page are the same. */
  prefix: string
  fields: readonly Field[]
  texts: Texts
  problems: Readonly<Record<string, string>>
  change(texts: Texts): void
}

export function FieldInputs({ prefix, fields, texts, problems, change }: FieldInputsProps) {
  return (
    <div class="flow-fields">
      {fields.map(field => (
        <FieldInput
          key={field.name}
          id={`${prefix}-${field.name}`}
          field={field}
          text={texts[field.name] ?? field.text}
          problem={problems[field.name] ?? ''}
          set={text => change({ ...texts, [field.name]: text })}
        />
      ))}
    </div>
  )
}

interface FieldInputProps {
  id: string
  field: Field
  text: string
  problem: string
  set(text: string): void
}

function FieldInput({ id, field, text, problem, set }: FieldInputProps) {
  const { label, hint, required } = field
  const described = [hint !== '' && `${id}-hint`, problem !== '' && `${id}-problem`].filter(Boolean).join(' ')
  const common = {
    id,
    'aria-describedby': described || undefined,
    'aria-invalid': problem !== '' || undefined,
    'aria-required': required || undefined,
  }
  const type = (event: { currentTarget: { value: string } }) => set(event.currentTarget.value)
  return (
    <div class="flow-field" data-as={field.as}>
      <label for={id}>
        {label}
        {!required && field.as !== 'boolean' && <span class="faint"> (optional)</span>}
      </label>
      <Control field={field} text={text} common={common} type={type} set={set} />
      {hint !== '' && (
        <span id={`${id}-hint`} class="faint">
          {hint}
        </span>
      )}
      {problem !== '' && (
        <span id={`${id}-problem`} class="flow-field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  )
}

interface ControlProps {
  field: Field
  text: string
  common: { id: string }
  type(event: { currentTarget: { value: string } }): void
  set(text: string): void
}

function Control({ field, text, common, type, set }: ControlProps) {
  switch (field.as) {
    case 'boolean':
      return (
        <input
          {...common}
          type="checkbox"
          checked={text === 'true'}
          onChange={event => set(String(event.currentTarget.checked))}
        />
      )
    case 'choice':
      return (
        <select {...common} class="field" value={text} onChange={type}>
          <option value="">Choose…</option>
          {field.options.map(option => (
            <option key={JSON.stringify(option)} value={JSON.stringify(option)}>
              {wordsOf(option)}
            </option>
          ))}
        </select>
      )
    case 'json':
    case 'long':
      return (
        <textarea
          {...common}
          class={`field ${field.as === 'json' ? 'mono' : ''}`}
          rows={3}
          spellcheck={field.as === 'long'}
          value={text}
          onInput={type}
        />
      )
    default:
      return (
        <input
          {...common}
          class="field"
          inputMode={field.as === 'integer' ? 'numeric' : field.as === 'number' ? 'decimal' : undefined}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={type}
        />
      )
  }
}

const wordsOf = (option: Json): string => (typeof option === 'string' ? option : JSON.stringify(option))
