# R's side of the kernel: base R only. It is started by ../kernel.ts, takes orders from a pipe, and tells in files that
# marks in its standard output name (KN31 to KN33). All of it lives in a locked environment that no cell sees: what the
# user removes, detaches, overwrites or sinks does not reach it.
local({
  args <- commandArgs(TRUE)
  kernel <- new.env(parent = baseenv())
  kernel$scratch <- args[[1L]]
  kernel$nonce <- args[[2L]]
  kernel$state <- new.env(parent = emptyenv())
  parts <- c("json", "wire", "library", "conditions", "values", "plots", "input", "shown", "cells", "questions", "sharing", "saving", "loading", "orders")
  for (part in parts) sys.source(file.path(args[[3L]], paste0(part, ".R")), kernel, keep.source = FALSE)
  lockEnvironment(kernel, bindings = TRUE)
  kernel$serve()
})
