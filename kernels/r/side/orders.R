# The loop: one order after the other.

carry_out <- function(order) {
  field <- function(index) if (length(order) >= index) order[index] else ""
  switch(order[1L],
    execute = run_cell(field(2L), field(3L)),
    complete = answer(field(2L), function() completion(field(3L))),
    inspect = answer(field(2L), function() documentation(field(3L))),
    variables = answer(field(2L), variables),
    save = answer_whole(field(2L), function() save_session(field(3L), field(4L))),
    load = answer_whole(field(2L), function() load_session(field(3L))),
    quit = leave()
  )
}

serve <- function() suspendInterrupts({
  use_project_library()
  note_world()
  prepare_world()
  tell("ready")
  repeat carry_out(next_order())
})
