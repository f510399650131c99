/** Opens a notebook: its document, its items and runs, and what draws them, so that nothing moves once it is shown. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { pathOfId } from '@meshbook/core/executions.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import { htmlReading } from '../prose/raw-html.ts'
import { mayHoldHtml } from '../prose/read-prose.ts'
import { whenIdle } from '../shell/when-idle.ts'
import { me } from '../state/known.ts'
import { report } from '../state/toasts.ts'
import { type LinkOptions, openDocument } from '../sync/document-link.ts'
import type { LinkPorts } from '../sync/link-ports.ts'
import { ExecutionStore } from './execution-store.ts'
import type { NotebookParts } from './notebook-model.ts'
import { browserFrame, NotebookStore } from './notebook-store.ts'
import { isMoreThanText } from './output-view.tsx'
import { richDrawing } from './rich-when-needed.tsx'
import { Runner } from './runner.ts'
import { loadYaml } from './yaml-when-needed.ts'

/** A notebook that is listed and kept here is read without it. */
const hubApi = async () => (await import('../api/client.ts')).api

export type Answers = Pick<LinkOptions, 'onUnavailable' | 'onReplaced' | 'signal'>

/** Opens the document at a path of a project, `listed` where it is in the list; resolves when it can be drawn. */
export async function openParts(
  project: Project,
  path: string,
  listed: DocumentInfo | undefined,
  ports: LinkPorts,
  answers: Answers,
): Promise<NotebookParts> {
  const document = listed ?? (await (await hubApi()).documentAt(`${project.owner}/${project.name}/${path}`))
  const address = `${project.owner}/${project.name}/${pathOfId(document.id)}`
  const user = me.value?.user ?? ''
  const link = await openDocument({ document: document.id, address, user, ...answers }, ports)
  const store = new NotebookStore(link.doc, browserFrame)
  await readFrontMatter(store)
  store.onText((_changes, before, after) => {
    if (!before.notebook.frontMatter && after.notebook.frontMatter)
      readFrontMatter(store).catch(thrown => report(thrown, 'The front matter was not read'))
  })
  const executions = new ExecutionStore(store)
  await Promise.all([readyForProse(store), readyForOutputs(store, executions)])
  return {
    document,
    project,
    link,
    store,
    executions,
    runner: new Runner(store, executions, document.id, {
      api: { startRun: async request => (await hubApi()).startRun(request) },
      mayWrite: project.roles === undefined || rightsOf(project.roles).has('write'),
      now: Date.now,
      random: systemRandom,
    }),
  }
}

/** With HTML in its text it opens with what checks it, so that nothing moves; without it says so there. */
async function readyForProse({ page }: NotebookStore): Promise<void> {
  const load = () => htmlReading.load().catch(() => undefined)
  const text = (from: number, to: number) => page.source.slice(from, to)
  if (page.items.some(({ kind, from, to }) => kind === 'prose' && mayHoldHtml(text(from, to)))) await load()
  else whenIdle(load)
}

/** With rich outputs it opens with what draws them, so that nothing moves; without it says so in their place. */
async function readyForOutputs(store: NotebookStore, executions: ExecutionStore): Promise<void> {
  const load = () => richDrawing.load().catch(() => undefined)
  const hasImages = store.order.peek().some(key => {
    const view = store.view(key)?.peek()
    return view?.kind === 'cell' && view.outputs.some(({ images }) => images.length > 0)
  })
  if (hasImages || [...executions.map.keys()].some(run => isMoreThanText(executions.read(run)))) await load()
  else whenIdle(load)
}

async function readFrontMatter(store: NotebookStore): Promise<void> {
  if (store.page.notebook.frontMatter && (await loadYaml())) store.reread()
}
