/**
 * Vega inside the frame of a figure, a file of its own that is never part of the page. Expressions are interpreted, not
 * compiled, and no address is ever loaded: a figure shows the data it came with.
 */
import type { Loader, Spec } from 'vega'
import embed, { type EmbedOptions } from 'vega-embed'
import { expressionInterpreter } from 'vega-interpreter'
import type { TopLevelSpec } from 'vega-lite'

const refuse = (uri: string): Promise<never> => Promise.reject(new Error(`a figure loads nothing: ${uri}`))

/** Images that the specification itself holds. */
const sanitize = (uri: string): Promise<{ href: string }> =>
  /^data:image\/(?:png|jpeg|gif|webp|svg\+xml)[;,]/i.test(uri) ? Promise.resolve({ href: uri }) : refuse(uri)

const loader: Loader = { load: refuse, http: refuse, file: refuse, sanitize }

async function draw(root: HTMLElement, spec: Spec | TopLevelSpec, { dark, mode }: { dark: boolean; mode: string }) {
  const options: EmbedOptions = {
    actions: false,
    renderer: 'svg',
    ast: true,
    expr: expressionInterpreter,
    loader,
    mode: mode === 'vega' ? 'vega' : 'vega-lite',
    config: { background: 'transparent' },
    ...(dark ? { theme: 'dark' as const } : {}),
  }
  await embed(root, spec, options)
}

Object.assign(globalThis, { meshbookVega: draw })
