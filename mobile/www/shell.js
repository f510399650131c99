/** The first page: asks once for the hub, checks it, remembers it, and goes there. From then on it goes there at once. */
import { explain, readAddress } from './address.js'
import { checkHub, explainMissing } from './check-hub.js'
import { canScan, scan } from './scan.js'

const key = 'meshbook-hub'
/** Long enough to press "Another hub", short enough not to be in the way. */
const openingMs = 900
/** A hub that was opened before may be shown without it, by its service worker. */
const knownWaitMs = 1_500

const part = id => document.getElementById(id)
const [opening, asking, field, said] = ['opening', 'asking', 'address', 'said'].map(part)

function go(origin, path) {
  location.assign(origin + path)
}

function say(text, link) {
  said.replaceChildren(...text.map(line => Object.assign(document.createElement('p'), { textContent: line })))
  if (link)
    said.append(Object.assign(document.createElement('a'), { href: link.to, textContent: link.text, rel: 'external' }))
}

function ask(known) {
  opening.hidden = true
  asking.hidden = false
  part('scan').hidden = !canScan()
  part('anyway').hidden = known === null
  if (known) field.value = known
}

async function take(text) {
  const place = readAddress(text)
  if (typeof place === 'string') return say(explain(place))
  said.replaceChildren()
  const button = part('go')
  Object.assign(button, { disabled: true, textContent: 'Looking for it…' })
  const answer = await checkHub(place.origin)
  Object.assign(button, { disabled: false, textContent: 'Continue' })
  if (!answer.found) {
    const { text: why, link } = explainMissing(place.origin, answer)
    return say(why, link)
  }
  localStorage.setItem(key, place.origin)
  go(place.origin, place.path)
}

async function open(known) {
  part('host').textContent = new URL(known).host
  opening.hidden = false
  let isStopped = false
  part('another').addEventListener('click', () => {
    isStopped = true
    ask(known)
  })
  await Promise.all([new Promise(resolve => setTimeout(resolve, openingMs)), checkHub(known, knownWaitMs)])
  // Also when it is away: what was opened before is there without it.
  if (!isStopped) go(known, '/m/')
}

/** The page of the hub could not be shown. */
async function sayWhy(known) {
  const answer = await checkHub(known)
  const { text, link } = answer.found ? { text: ['The hub is there again.'] } : explainMissing(known, answer)
  say(text, link)
}

asking.addEventListener('submit', event => {
  event.preventDefault()
  void take(field.value)
})
part('anyway').addEventListener('click', () => go(localStorage.getItem(key), '/m/'))
part('scan').addEventListener('click', async () => {
  try {
    const text = await scan(part('view'))
    if (text === undefined) return
    field.value = text
    await take(text)
  } catch {
    say(['The camera cannot be used.', 'Allow it in the settings of the phone, or paste the link instead.'])
  }
})

const known = localStorage.getItem(key)
const isValid = known !== null && typeof readAddress(known) !== 'string'
if (!isValid) ask(null)
else if (location.hash === '#failed') {
  ask(known)
  void sayWhy(known)
} else void open(known)
