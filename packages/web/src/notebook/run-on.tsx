/** The choice of the device that the next runs of this notebook go to. */
import { runtimeFor } from '@meshbook/core/languages.ts'
import { Icon } from '../shell/icons.tsx'
import { devices } from '../state/mesh.ts'
import { useNotebook } from './open-notebook.ts'

export function RunOnChoices({ language, close }: { language: string; close: () => void }) {
  const { on } = useNotebook().runner
  const choose = (device: string | undefined) => {
    on.value = device
    close()
  }
  const runtime = runtimeFor(language)
  return (
    <div class="run-on">
      <h4>Run on…</h4>
      <button type="button" class="menu-item" aria-pressed={on.value === undefined} onClick={() => choose(undefined)}>
        <Icon name="bolt" />
        Wherever it fits
        {on.value === undefined && <Icon name="check" class="chosen" />}
      </button>
      {devices.value.map(device => {
        const able = device.runtimes.some(candidate => runtimeFor(candidate.language) === runtime)
        return (
          <button
            key={device.id}
            type="button"
            class="menu-item"
            aria-pressed={on.value === device.id}
            disabled={!able}
            onClick={() => choose(device.id)}
          >
            <span class={`dot ${device.status}`} />
            <span class="ellipsis">{device.name}</span>
            {on.value === device.id && <Icon name="check" class="chosen" />}
            <span class="hint">{able ? device.status : `no ${runtime}`}</span>
          </button>
        )
      })}
    </div>
  )
}
