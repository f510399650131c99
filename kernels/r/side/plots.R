# A picture for each page of the graphics that a cell draws. The device is opened by the first plot of a cell, and
# closed at its end, when the last page is complete.

state$plots <- 0L
state$pattern <- NULL

size_option <- function(name, otherwise) {
  value <- getOption(paste0("repr.plot.", name))
  if (is.numeric(value) && length(value) == 1L && isTRUE(value > 0)) value else otherwise
}

open_device <- function(...) {
  state$plots <- state$plots + 1L
  state$pattern <- file.path(scratch, paste0("plot", state$plots, "-%05d.png"))
  type <- if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  grDevices::png(
    state$pattern, width = size_option("width", 7), height = size_option("height", 5), units = "in",
    res = size_option("res", 120), type = type
  )
}

# Where our device is among those that are open, or NULL.
own_device <- function() {
  devices <- get(".Devices", baseenv())
  own <- vapply(devices, function(device) identical(attr(device, "filepath"), state$pattern), NA)
  if (is.null(state$pattern) || !any(own)) NULL else which(own)[1L]
}

# Shows the pages that are complete: all but the newest while the device is open.
tell_pages <- function() suspendInterrupts({
  pages <- sort(list.files(scratch, "^plot[0-9]+-[0-9]+\\.png$"))
  if (!is.null(own_device())) pages <- pages[-length(pages)]
  for (page in pages) {
    name <- next_name("p")
    file.rename(file.path(scratch, page), file.path(scratch, name))
    if (file.size(file.path(scratch, name)) > 0) tell("display", parts = list(list(mimeType = "image/png", file = name)))
  }
})

end_plots <- function() suspendInterrupts({
  device <- own_device()
  if (!is.null(device)) grDevices::dev.off(device)
  state$pattern <- NULL
  tell_pages()
})

watch_plots <- function() {
  options(device = open_device)
  page <- function(...) if (!is.null(state$pattern)) tell_pages()
  for (event in c("plot.new", "persp", "grid.newpage")) setHook(event, page)
}
