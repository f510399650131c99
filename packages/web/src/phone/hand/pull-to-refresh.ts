/** Pulling down at the top of a list asks the hub for it again, as the user is used to (PH71). */
import '../styles/pull.css'
import { hub, loadRuns, refresh } from '../../state/mesh.ts'
import { loadWaits } from '../inbox/keep-waits.ts'
import { pageAt, place } from '../place.ts'
import { tell } from '../said.ts'
import { begun, isFar, moved, type Pull, pullAt } from './pull.ts'

const lists = new Set(['notebooks', 'project', 'inbox', 'runs', 'devices'])

export function pullToRefresh(): void {
  const sign = document.body.appendChild(Object.assign(document.createElement('div'), { className: 'pull' }))
  sign.setAttribute('role', 'status')
  sign.hidden = true
  let pull: Pull | undefined
  let isBusy = false
  const show = (by: number) => {
    sign.hidden = by === 0
    sign.style.setProperty('--pulled', `${by}px`)
    sign.classList.toggle('far', by >= pullAt)
  }
  const end = async () => {
    const last = pull
    pull = undefined
    if (!last || !isFar(last)) return show(0)
    isBusy = true
    sign.textContent = 'Asking the hub…'
    show(pullAt)
    await bringUpToDate()
    sign.textContent = ''
    show(0)
    isBusy = false
  }
  addEventListener('touchstart', event => {
    const { touches, target } = event
    pull =
      !isBusy && touches.length === 1 && mayPull(target) ? begun(touches[0]!.clientX, touches[0]!.clientY) : undefined
  })
  addEventListener('touchmove', ({ touches }) => {
    if (!pull || touches.length !== 1) return
    pull = moved(pull, touches[0]!.clientX, touches[0]!.clientY)
    if (pull.by !== undefined && scrollY > 0) pull = undefined
    show(pull?.by ?? 0)
  })
  addEventListener('touchend', () => void end())
  addEventListener('touchcancel', () => {
    pull = undefined
    show(0)
  })
}

const mayPull = (target: EventTarget | null): boolean =>
  scrollY <= 0 &&
  lists.has(pageAt(place.peek()).page) &&
  target instanceof Element &&
  !target.closest('dialog, input, textarea, select, .tabs, .action-bar')

async function bringUpToDate(): Promise<void> {
  if (hub.peek() === 'down') return tell('The hub does not answer', 'It is asked again by itself when it is back.')
  await Promise.all([refresh(), loadRuns(), loadWaits()]).catch(() =>
    tell('It could not be brought up to date', 'Pull again in a moment.'),
  )
}
