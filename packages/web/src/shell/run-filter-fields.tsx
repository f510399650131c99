/** Which runs are shown, as four choices. */
import { devices, projects, runs } from '../state/known.ts'
import { titleOf } from './file-tree.ts'
import { noFilter, type RunFilter, runStates } from './run-filters.ts'

export function RunFilterFields({ filter, change }: { filter: RunFilter; change: (filter: RunFilter) => void }) {
  const known = [...runs.value.values()].filter(({ project }) => filter.project === '' || project === filter.project)
  const documents = new Map(known.flatMap(run => (run.path ? [[run.document as string, titleOf(run.path)]] : [])))
  const choices = (name: keyof RunFilter, label: string, options: Iterable<readonly [string, string]>) => (
    <select
      class="field small"
      aria-label={label}
      value={filter[name]}
      onChange={event => {
        const chosen = { ...filter, [name]: event.currentTarget.value }
        // A notebook is of one project: another project has other notebooks.
        const next = name === 'project' ? { ...chosen, document: '' } : chosen
        change(Object.values(next).every(value => value === '') ? noFilter : next)
      }}
    >
      {[...options].map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  )
  const named = (list: readonly { id: string; name: string }[]) => list.map(({ id, name }) => [id, name] as const)
  return (
    <div class="run-filters">
      {choices('state', 'State', runStates)}
      {choices('device', 'Device', [['', 'All devices'], ...named(devices.value)])}
      {choices('project', 'Project', [['', 'All projects'], ...named(projects.value ?? [])])}
      {choices('document', 'Notebook', [['', 'All notebooks'], ...documents])}
    </div>
  )
}
