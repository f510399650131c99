/** Where the notebook's code runs, in the bar; opened, it lets the user choose. */
import { Icon, type IconName } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { deviceById, devices } from '../state/mesh.ts'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'
import { RunOnChoices } from './run-on.tsx'

interface Where {
  icon: IconName
  name: string
  note: string
}

function whereOf(notebook: OpenNotebook): Where {
  const session = notebook.sessionOf(notebook.language.value)
  const holder = session?.device ? deviceById.value.get(session.device) : undefined
  if (holder)
    return {
      icon: holder.kind === 'worker' ? 'cloud' : 'bolt',
      name: holder.name,
      note:
        holder.status === 'online'
          ? `${session!.kernel ?? session!.language} is live there, with its variables.`
          : `${holder.name} does not answer at the moment.`,
    }
  const chosen = notebook.runner.on.value
  const device = chosen === undefined ? undefined : deviceById.value.get(chosen)
  if (device) return { icon: 'circle', name: device.name, note: 'The next run goes there.' }
  const able = devices.value.some(candidate => candidate.status === 'online')
  return {
    icon: 'circle',
    name: 'No runtime',
    note: able
      ? 'The first run starts one.'
      : 'No device is online. Start Meshbook on one of your machines with "meshbook up".',
  }
}

export function WhereLabel() {
  const notebook = useNotebook()
  const { icon, name, note } = whereOf(notebook)
  return (
    <Popover
      label={`Runs on ${name}`}
      class="pill where"
      panelClass="padded"
      title="Where it runs"
      button={
        <>
          <Icon name={icon} size={13} class={icon === 'bolt' ? 'live' : ''} />
          <span class="ellipsis">{name}</span>
        </>
      }
    >
      {close => (
        <div class="why">
          <h3>{name}</h3>
          <p class="muted">{note}</p>
          <RunOnChoices language={notebook.language.value} close={close} />
        </div>
      )}
    </Popover>
  )
}
