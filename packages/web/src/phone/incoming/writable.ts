/** Whether one may write in a project. */
import type { Project } from '@meshbook/core/api.ts'
import { rightsOf } from '@meshbook/core/roles.ts'

export const mayWriteIn = ({ roles }: Project): boolean => roles === undefined || rightsOf(roles).has('write')
