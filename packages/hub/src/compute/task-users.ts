/** The two users of a task worker: who asks the model, and who has files and shell. Neither is a user of the machine. */
export const taskUsers = {
  runner: { uid: 10001, gid: 10001 },
  tools: { uid: 10002, gid: 10002 },
} as const
