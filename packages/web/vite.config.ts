/** Builds the web app, and the phone's and the portal with it. The hub serves `dist/` as it is. */
import preact from '@preact/preset-vite'
import { build, defineConfig, type Plugin } from 'vite'
import { chunkOf } from './bundle/chunks.ts'
import { compressed } from './bundle/compressed.ts'
import { phone, phoneWorker } from './vite.phone.config.ts'
import { portal } from './vite.portal.config.ts'
import { alias, nonceWord, smaller } from './vite.shared.ts'

/** The other apps lie in the folder that this build empties, so they are built after it. */
const alsoOthers: Plugin = {
  name: 'also-others',
  apply: 'build',
  async closeBundle() {
    await build(phone)
    await build(phoneWorker())
    await build(portal)
  },
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [smaller, preact(), alsoOthers, compressed(`${import.meta.dirname}/dist`)],
  resolve: { alias },
  html: { cspNonce: nonceWord },
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [{ name: chunkOf, debugName: 'frame and notebook', test: /\.m?[jt]sx?$/ }],
        },
      },
    },
  },
})
