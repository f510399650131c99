# What the value of an expression looks like: R's own printing, and a table for data frames.

table_rows <- 60L
table_columns <- 50L
cell_units <- 500L

escape_html <- function(text) {
  text <- gsub("&", "&amp;", text, fixed = TRUE)
  text <- gsub("<", "&lt;", text, fixed = TRUE)
  text <- gsub(">", "&gt;", text, fixed = TRUE)
  gsub("\"", "&quot;", text, fixed = TRUE)
}

cell_texts <- function(column) {
  if (is.list(column) && !is.object(column)) return(vapply(column, function(cell) call_text(cell), ""))
  texts <- if (is.character(column) || is.factor(column)) as.character(column) else format(column, trim = TRUE)
  texts[is.na(column)] <- "NA"
  substr(enc2utf8(as.character(texts)), 1L, cell_units)
}

table_row <- function(cells, tag) paste0("<", tag, ">", escape_html(cells), "</", tag, ">", collapse = "")

table_html <- function(frame) {
  all <- dim(frame)
  frame <- as.data.frame(frame)
  frame <- frame[seq_len(min(all[1L], table_rows)), seq_len(min(all[2L], table_columns)), drop = FALSE]
  columns <- unlist(lapply(frame, function(column) if (is.null(dim(column))) list(cell_texts(column)) else
    lapply(seq_len(ncol(column)), function(i) cell_texts(column[, i]))), recursive = FALSE)
  cells <- do.call(cbind, c(list(row.names(frame)), unname(columns)))
  head <- paste0("<tr>", table_row(c("", names(columns)), "th"), "</tr>")
  body <- vapply(seq_len(nrow(cells)), function(i) paste0("<tr><th>", escape_html(cells[i, 1L]), "</th>",
    if (ncol(cells) > 1L) table_row(cells[i, -1L], "td"), "</tr>"), "")
  size <- paste0("<p>", all[1L], " rows \u00d7 ", all[2L], " columns</p>")
  paste0("<table><thead>", head, "</thead><tbody>", paste(body, collapse = ""), "</tbody></table>", size)
}

# The representations besides the plain text.
rich_parts <- function(value) {
  if (!is.data.frame(value)) return(list())
  html <- tryCatch(table_html(value), error = function(e) NULL)
  if (is.null(html)) list() else list(list(mimeType = "text/html", data = html))
}

# A function of the user's world: methods that are defined in a cell are found from there.
print_value <- function(value) base::print(value)
print_frame <- function(value, most) base::print(value, max = most)
show_value <- function(value) methods::show(value)
for (name in c("print_value", "print_frame", "show_value")) {
  printer <- get(name)
  environment(printer) <- globalenv()
  assign(name, printer)
}
rm(name, printer)

print_as_r <- function(value) {
  if (isS4(value)) show_value(value)
  else if (identical(class(value), "data.frame")) print_frame(value, max(table_rows * (ncol(value) + 1L), 1L))
  else print_value(value)
  invisible()
}

# `last`: it is the value of the cell.
tell_value <- function(value, last) {
  rich <- rich_parts(value)
  mark("v")
  print_as_r(value)
  as <- if (last) "result" else if (length(rich)) "display" else "stdout"
  tell("value", as = as, parts = rich)
}
