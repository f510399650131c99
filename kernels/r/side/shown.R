# What a cell can call besides R: an environment on its search path, and three functions of base R that mean something
# else where no terminal is.

bytes_part <- function(type, data, file) {
  if (!is.null(file)) data <- readBin(file, "raw", file.size(file))
  if (!is.raw(data)) return(list(mimeType = type, data = paste(data, collapse = "\n")))
  name <- next_name("d")
  write_bytes(name, data)
  list(mimeType = type, file = name)
}

show_as <- function(type) {
  function(data = NULL, file = NULL, id = NULL, update = FALSE) {
    show_parts(list(bytes_part(type, data, file)), id, update)
  }
}

show_parts <- function(parts, id, update) {
  if (is.null(id)) tell("display", parts = parts)
  else tell("display", id = as.character(id)[1L], update = isTRUE(update), parts = parts)
}

plain_part <- function(value) {
  text <- utils::capture.output(print_as_r(value))
  list(mimeType = "text/plain", data = paste(text, collapse = "\n"))
}

for_cells <- list(
  display = function(value, id = NULL, update = FALSE) {
    invisible(show_parts(c(rich_parts(value), list(plain_part(value))), id, update))
  },
  display_html = show_as("text/html"),
  display_markdown = show_as("text/markdown"),
  display_latex = show_as("text/latex"),
  display_svg = show_as("image/svg+xml"),
  display_png = show_as("image/png"),
  display_jpeg = show_as("image/jpeg"),
  clear_output = function(wait = TRUE) {
    tell("event", event = list(type = "clear", wait = isTRUE(wait)))
  },
  warnings = last_warnings,
  # R's own would step through what follows, with nobody to tell it how.
  browser = function(...) say("[browser() needs a terminal; the cell goes on.]\n"),
  readLines = asked_readLines,
  scan = asked_scan
)

exit_cell <- function(save = "default", status = 0, runLast = TRUE) {
  end_fork()
  signalCondition(structure(class = c("meshbook_exit", "condition"), list(message = "", call = NULL, status = status)))
  # Not within a cell: R itself decides.
  leave(status)
}

base_quit <- base::quit
leave <- function(status = 0) base_quit("no", status = status, runLast = TRUE)

replace_in_base <- function(name, value) {
  unlock <- get("unlockBinding", baseenv())
  unlock(name, baseenv())
  assign(name, value, baseenv())
  lockBinding(name, baseenv())
}

# Before each cell, as one may have detached it.
show_functions <- function() {
  if ("meshbook" %in% search()) return(invisible())
  shown <- attach(NULL, name = "meshbook", warn.conflicts = FALSE)
  for (name in names(for_cells)) assign(name, for_cells[[name]], shown)
}

# C's system() ignores the signal while it waits for its child, which ends by it: afterwards the interrupt goes on here.
ends_interrupted <- function(name) {
  watched <- get(name, baseenv())
  body(watched) <- call("{", call("on.exit", as.call(list(go_on_interrupting))), body(watched))
  replace_in_base(name, watched)
}

prepare_world <- function() {
  show_functions()
  ends_interrupted("system")
  replace_in_base("readline", asked_readline)
  replace_in_base("quit", exit_cell)
  replace_in_base("q", exit_cell)
  watch_plots()
}
