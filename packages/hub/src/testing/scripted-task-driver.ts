/** Task workers that are nothing but entries in memory, on the engine of the stand-in for sessions. */
import type { WorkerId } from '@meshbook/core/ids.ts'
import type { TaskDriver, TaskWorkerSpec, TaskWorkspace } from '../compute/port.ts'
import { ScriptedDriver } from './scripted-driver.ts'

export class ScriptedTaskDriver extends ScriptedDriver<TaskWorkerSpec> implements TaskDriver {
  readonly given = new Map<WorkerId, TaskWorkspace>()

  async room(): Promise<null> {
    return null
  }

  async give(id: WorkerId, workspace: TaskWorkspace): Promise<boolean> {
    this.given.set(id, workspace)
    return workspace.from === 'folder'
  }
}
