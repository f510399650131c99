/** DBOS Transact on the same PostgreSQL server: workflows of functions whose results are kept, begun in this process. */
import { DBOS } from '@dbos-inc/dbos-sdk'
import { type Contender, stepsPerRun } from './contender.ts'

export async function dbos(url: string): Promise<Contender> {
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, runAdminServer: false, logLevel: 'error' })
  const first = new Map<string, () => void>()
  const chain = DBOS.registerWorkflow(
    async (key: string): Promise<void> => {
      for (let step = 0; step < stepsPerRun; step++)
        await DBOS.runStep(
          async () => {
            if (step === 0) first.get(key)?.()
            return null
          },
          { name: `s${step}` },
        )
    },
    { name: 'chain' },
  )
  await DBOS.launch()
  let runs = 0
  return {
    name: 'DBOS Transact',
    steps: stepsPerRun,
    run: async began => {
      const key = `${runs++}`
      first.set(key, began)
      const handle = await DBOS.startWorkflow(chain)(key)
      await handle.getResult()
      first.delete(key)
    },
    close: () => DBOS.shutdown(),
  }
}
