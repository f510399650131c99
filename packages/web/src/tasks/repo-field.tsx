/** The field that names a repository, and what is said where that is none. */
import { isRepo } from '@meshbook/core/tasks-api.ts'
import type { Ref } from 'preact'

export interface RepoFieldProps {
  value: string
  set(repo: string): void
  field?: Ref<HTMLInputElement>
  /** Of a list of those that were used before. */
  list?: string
}

export function RepoField({ value, set, field = null, list }: RepoFieldProps) {
  return (
    <label>
      Repository
      <input
        ref={field}
        class="field"
        list={list}
        inputMode="url"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={value}
        placeholder="https://github.com/you/project"
        onInput={event => set(event.currentTarget.value.trim())}
      />
    </label>
  )
}

/** Empty where it is one. */
export function repoProblem(repo: string): string {
  return isRepo(repo) ? '' : 'Name the repository: its https address, or git@host:path, without a password in it.'
}
