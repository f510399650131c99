# One cell: parsed, evaluated expression by expression in Main, and how it ended.

is_broken(node) = node isa Expr && (node.head === :error || node.head === :incomplete)

# The value of the last expression. An expression that was not understood fails before any is evaluated.
function evaluate(name::String, code::String)
    nodes = Meta.parseall(code; filename = name).args
    broken = findfirst(is_broken, nodes)
    broken === nothing || return Core.eval(Main, nodes[broken])
    value = nothing
    line = LineNumberNode(1, Symbol(name))
    for node in nodes
        if node isa LineNumberNode
            line = node
        else
            value = Core.eval(Main, Expr(:toplevel, line, REPL.softscope(node)))
        end
    end
    value
end

function show_value(code, value)
    (value === nothing || REPL.ends_with_semicolon(code)) && return
    tell("display"; as = "result", parts = parts_of(value))
end

function ending(error, backtrace)
    error isa InterruptException && return (type = "cancelled",)
    error isa ExitCell || return failure(error, backtrace)
    error.status == 0 && return (type = "completed",)
    (type = "failed", error = (name = "ExitStatus", message = "exit status $(error.status)", traceback = String[]))
end

function run_watched(name, code)
    try
        reenable_sigint() do
            value = evaluate(name, code)
            Base.invokelatest(show_value, code, value)
        end
        (type = "completed",)
    catch error
        ending(error, catch_backtrace())
    end
end

# An interrupt that came when the last cell had ended is nobody's.
function drain_interrupt()
    try
        reenable_sigint(yield)
    catch error
        error isa InterruptException || rethrow()
    end
end

function run_cell(name, code)
    drain_interrupt()
    tell("begun")
    sources[name] = split(code, '\n')
    event = run_watched(name, code)
    barrier()
    tell("ended"; event = event)
end
