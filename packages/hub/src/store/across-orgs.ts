/**
 * The calls that reach rows of several orgs, each with the reason why it may: any other call sees and changes rows of the
 * org that it names, and of no other. Statements of these name what leads them to a row of another org.
 */
import type { HubProcedures } from './procedures.ts'

type ArgsOf<F> = F extends (tx: never, args: infer Args) => unknown ? Args : never
type CallWithoutOrg = {
  [N in keyof HubProcedures]: ArgsOf<HubProcedures[N]> extends { org: string } ? never : N
}[keyof HubProcedures]

const secret = 'a secret or its hash is shown, which is that of one row'
const named = 'an id or a name finds the org that it is of'
const asker = 'whoever asks is named: rows of their org, and of projects that they are a member of'
const shown = 'published documents are for everybody'
const due = 'the hub looks by itself for what is due, of whomever it is'
const hub = 'it is about the hub as a whole'
const call = 'it is as the call that it notes, or of nobody’s org'

/** They need not name an org, and are for all of them where they do not. */
export const callsWithoutOrg: Record<CallWithoutOrg, string> = {
  useLink: secret,
  findBrowserSession: secret,
  findToken: secret,
  useTicket: secret,
  claimPairing: secret,
  findClaim: secret,
  takePairedSession: secret,
  findGrant: secret,
  pollGrant: secret,
  takeRedirect: secret,
  admitGrant: secret,
  isInvited: secret,
  findPasskey: secret,
  findReceipt: secret,
  taskOfWorker: secret,
  admitWorker: secret,
  signInWithIdentity: secret,
  linkIdentity: secret,
  signUpWithPasskey: secret,
  findDevice: named,
  findProjectNamed: named,
  sharedProjects: named,
  orgsServedBy: named,
  splitHeld: named,
  revokeDevice: named,
  noteAfterwards: named,
  findAsk: named,
  leftHeadOfAsk: named,
  sessionsOn: named,
  findRecord: named,
  findUser: named,
  workerOfDevice: named,
  listWorkers: named,
  findSnapshot: named,
  findHook: named,
  findTrigger: named,
  tasksThere: named,
  touchDocuments: named,
  findPlace: asker,
  membershipsOf: asker,
  projectsThatMayName: asker,
  listVisibleRuns: asker,
  listGates: asker,
  listTasks: asker,
  listWorkflowRuns: asker,
  listTriggers: asker,
  acceptInvitations: asker,
  findPublished: shown,
  publishedIn: shown,
  publishedList: shown,
  sessionsWithQueue: due,
  undeliveredOrders: due,
  expiredRuns: due,
  unansweredRuns: due,
  lostRuns: due,
  oldLogs: due,
  excessLogs: due,
  oldRecords: due,
  overdueGates: due,
  unreceivedGates: due,
  movesUnderWay: due,
  untoldMoves: due,
  sweepMoves: due,
  tasksToTake: due,
  tasksOfHub: due,
  overdueTaskCells: due,
  dueWorkflowRuns: due,
  dueTriggerEvents: due,
  freeWorkflowRuns: due,
  homelessSessions: due,
  leftHeads: due,
  keepLateRecords: due,
  listAssetUploads: due,
  listRemovals: due,
  removed: due,
  trimAudit: due,
  usedWorkers: due,
  idleWorkers: due,
  dueNotices: due,
  sweepNotices: due,
  dueDeliveries: due,
  settleLeftCalls: due,
  listDevices: hub,
  listPresence: hub,
  listHubs: hub,
  listOrgs: hub,
  everyProject: hub,
  readNews: hub,
  newsPosition: hub,
  sweepNews: hub,
  settleRestore: hub,
  computeKeys: hub,
  pushKeys: hub,
  plainWays: hub,
  sealPlainWays: hub,
  sampleKeys: hub,
  underMaster: hub,
  sealAgain: hub,
  audited: call,
  noteAudit: call,
}

const first = 'whoever came first owns the hub, in whichever org'
const unique = 'a name, key or id may be taken in any org'
const grant = 'a grant belongs to nobody until somebody approves it, and all of them are counted'
const member = 'members of a project are of other orgs, as what they hold there is'
const record = 'a saved state is of the org of the device that made it, its session of that of the project'
const works = 'a device works for projects of other orgs'
const told = 'what somebody is told of may be in a project of another org'
const task = 'a task acts for a user of whichever org'
const sums = 'the org that pays is named; the names of users may be of others'

/** They name an org, which they have to themselves, and reach beyond it. */
export const callsAcrossOrgs: Partial<Record<Exclude<keyof HubProcedures, CallWithoutOrg>, string>> = {
  firstUser: first,
  isFirstUser: first,
  unlinkIdentity: first,
  removePasskey: first,
  addUser: unique,
  addDevice: unique,
  addPasskey: unique,
  confirmPairing: unique,
  adoptProject: unique,
  adoptDocument: unique,
  indexTree: unique,
  addWay: unique,
  makeCode: unique,
  newGrant: grant,
  decideGrant: grant,
  listMembers: member,
  addMember: member,
  setRoles: member,
  storeSnapshot: record,
  listSnapshots: record,
  nameSnapshot: record,
  deleteSnapshot: record,
  refuseSnapshot: record,
  sweepSnapshots: record,
  postOrder: works,
  takeDeviceOrders: works,
  endWorker: works,
  planNotices: told,
  claimDelivery: told,
  settleDelivery: told,
  askerOfTask: task,
  modelStatement: sums,
}
