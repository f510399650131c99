/** Starts the portal. */
import { render } from 'preact'
import { startMesh } from '../state/mesh.ts'
import { App } from './app.tsx'
import { followLinks } from './place.ts'

document.addEventListener('click', followLinks, { capture: true })
render(<App />, document.getElementById('app')!)
void startMesh()
