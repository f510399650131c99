/** The variables of the notebook's session, asked for again after each run. */
import type { Variables } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { asApiError } from '../api/http.ts'
import { Icon } from '../shell/icons.tsx'
import { useNotebook } from './open-notebook.ts'
import { PanelTop } from './outline-panel.tsx'

export function VariablesPanel() {
  const notebook = useNotebook()
  const session = notebook.sessionOf(notebook.language.value)
  const live = session?.device ? session.id : undefined
  const running = notebook.executions.running.value.size
  const [found, setFound] = useState<Variables | undefined>(undefined)
  const [problem, setProblem] = useState('')
  const load = async () => {
    if (live === undefined) return
    try {
      setFound(await api.variables(live))
      setProblem('')
    } catch (thrown) {
      setProblem(asApiError(thrown).message)
    }
  }
  useEffect(() => {
    if (running === 0) void load()
  }, [live, running === 0])
  return (
    <aside class="side-panel" aria-label="Variables">
      <PanelTop title="Variables">
        <button
          type="button"
          class="icon-button small"
          aria-label="Load again"
          title="Load again"
          onClick={() => void load()}
        >
          <Icon name="restart" />
        </button>
      </PanelTop>
      {live === undefined && <p class="panel-empty">No runtime yet. Run a cell, and what it defines shows here.</p>}
      {problem && <p class="panel-empty">{problem}</p>}
      {live !== undefined && found?.items.length === 0 && <p class="panel-empty">Nothing is defined yet.</p>}
      {live !== undefined && found && <VariableTable variables={found} />}
    </aside>
  )
}

function VariableTable({ variables }: { variables: Variables }) {
  return (
    <ul class="variables">
      {variables.items.map(({ name, type, size, preview }) => (
        <li key={name}>
          <div class="row">
            <span class="mono ellipsis">{name}</span>
            <span class="faint ellipsis">
              {type}
              {size && ` · ${size}`}
            </span>
          </div>
          <div class="mono muted ellipsis" title={preview}>
            {preview}
          </div>
        </li>
      ))}
      {variables.truncated && <li class="faint">… and more</li>}
    </ul>
  )
}
