/** Packages that were installed for the project outside of it: looked for there when the project has none of that name. */
import { createRequire, registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** `folder` has a `node_modules`; only what is asked for from files below `cwd` is looked for there. */
export function findPackagesIn(folder: string, cwd: string): void {
  const from = pathToFileURL(join(folder, 'cell.js')).href
  const project = pathToFileURL(join(cwd, '/')).href
  const require = createRequire(from)
  registerHooks({
    resolve(name, context, nextResolve) {
      try {
        return nextResolve(name, context)
      } catch (error) {
        const { parentURL = project, conditions } = context
        const isBare = !/^(?:[./#]|[a-z]+:)/i.test(name)
        if (!isBare || parentURL === from || !parentURL.startsWith(project)) throw error
        // The default for `require` looks at its own parent, whatever it is told; a path needs none.
        if (conditions?.includes('require')) return nextResolve(require.resolve(name), context)
        return nextResolve(name, { ...context, parentURL: from })
      }
    },
  })
}
