/** Packages that a lock file asks for and the device does not have: says so, offers to install them, shows how far it is. */
import type { EnvironmentOrder } from '@meshbook/core/api.ts'
import { api } from '../api/client.ts'
import { Icon } from '../shell/icons.tsx'
import { devices } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { type Offer, offersOf } from './environments.ts'
import { useNotebook } from './open-notebook.ts'

export function EnvironmentNotices() {
  const notebook = useNotebook()
  const { project, store, runner } = notebook
  const languages = store.order.value.flatMap(key => {
    const view = store.view(key)?.value
    return view?.kind === 'cell' ? [view.language] : []
  })
  const placeOf = (language: string) => runner.on.value ?? notebook.sessionOf(language)?.device ?? undefined
  const offers = offersOf({ devices: devices.value, project: project.id, languages, placeOf })
  return (
    <>
      {offers.map(offer => (
        <EnvironmentNotice key={offer.environment.language} offer={offer} />
      ))}
    </>
  )
}

function EnvironmentNotice({ offer: { device, environment } }: { offer: Offer }) {
  const { file, language, project, state, step, share, problem } = environment
  const order = (action: EnvironmentOrder['action']) =>
    void api
      .orderEnvironment(project, { device: device.id, language, action })
      .catch(thrown => report(thrown, 'The device was not asked'))
  if (state === 'making')
    return (
      <div class="banner environment" role="status">
        <Icon name="download" />
        <span class="grow">
          Installing the packages of {file} on {device.name}
          <progress value={share ?? undefined} max={1} aria-label={`Installing the packages of ${file}`} />
          <span class="faint mono environment-step">{step}</span>
        </span>
        <button type="button" class="button small" onClick={() => order('stop')}>
          Stop
        </button>
      </div>
    )
  return (
    <div class={state === 'failed' ? 'banner warn environment' : 'banner environment'} role="status">
      <Icon name={state === 'failed' ? 'warning' : 'download'} />
      <span class="grow">
        {problem ? (
          <>
            The packages of {file} could not be installed on {device.name}: {problem.text}{' '}
            <span class="faint">{problem.next}</span>
          </>
        ) : (
          <>
            {device.name} does not have the packages of {file} yet.
          </>
        )}
      </span>
      <button type="button" class="button small primary" onClick={() => order('make')}>
        {state === 'failed' ? 'Try again' : 'Create the environment'}
      </button>
    </div>
  )
}
