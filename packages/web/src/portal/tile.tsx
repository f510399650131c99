/** A number with its name, which may lead to where it comes from. */
export function Tile({ name, value, to }: { name: string; value: string; to?: string }) {
  return (
    <div class="tile">
      <dt>{to === undefined ? name : <a href={to}>{name}</a>}</dt>
      <dd>{value}</dd>
    </div>
  )
}
