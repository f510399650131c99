/** Opens a notebook: its document, its items and runs, and what draws them, so that nothing moves once it is shown. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { pathOfId } from '@meshbook/core/executions.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import { me } from '../state/known.ts'
import { report } from '../state/toasts.ts'
import { type LinkOptions, openDocument } from '../sync/document-link.ts'
import type { LinkPorts } from '../sync/link-ports.ts'
import { ExecutionStore } from './execution-store.ts'
import type { NotebookParts } from './notebook-model.ts'
import { browserFrame, NotebookStore } from './notebook-store.ts'
import { readyToDraw } from './ready-to-draw.ts'
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
  await readyToDraw(
    store,
    [...executions.map.keys()].map(run => executions.read(run)),
  )
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

async function readFrontMatter(store: NotebookStore): Promise<void> {
  if (store.page.notebook.frontMatter && (await loadYaml())) store.reread()
}
