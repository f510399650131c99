# Run by silent cells of an IRkernel: the parts of the built-in kernel that save and make variables, in an environment of
# their own that an option keeps.
function(side) {
  kept <- getOption("meshbook.kept")
  if (is.environment(kept)) return(kept)
  space <- new.env(parent = baseenv())
  for (part in c("json", "questions", "sharing", "saving", "loading")) {
    sys.source(file.path(side, paste0(part, ".R")), space, keep.source = FALSE)
  }
  space$note_world()
  options(meshbook.kept = space)
  space
}
