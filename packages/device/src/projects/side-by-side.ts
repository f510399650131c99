/** Does something with many things, several at a time, so that they share waits for the disk and memory stays bounded. */
export async function sideBySide<T>(
  things: Iterable<T>,
  width: number,
  action: (thing: T) => Promise<void>,
): Promise<void> {
  const rest = things[Symbol.iterator]()
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await action(next.value)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
