/** Starts the web app. */
import { render } from 'preact'
import { App } from './app.tsx'
import { startMesh } from './state/mesh.ts'
import { storedList } from './sync/browser-storage.ts'

render(<App />, document.getElementById('app')!)
if (location.pathname !== '/signin') void startMesh()
void storedList.start()
