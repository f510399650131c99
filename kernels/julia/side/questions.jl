# Completion, documentation and variables. Values are looked at, and shown by nothing that a cell has defined.

const items_shown = 200
const preview_chars = 200
const text_chars = 20_000
const not_listed = (:Base, :Core, :Main, :ans, :InteractiveUtils, :MeshbookKernel)

function completion(before)
    found, range, _ = Base.invokelatest(REPL.REPLCompletions.completions, before, ncodeunits(before), Main)
    labels = unique(REPL.REPLCompletions.completion_text.(found))
    items = [(label = label,) for label in first(labels, items_shown)]
    (token = String(codeunits(before)[range]), items = items)
end

# The module that the names before the last lead to, and the last.
function resolved(topic)
    names = Symbol.(split(topic, '.'))
    place = Main
    for name in names[1:end-1]
        isdefined(place, name) || return nothing
        place = getfield(place, name)
        place isa Module || return nothing
    end
    (place, names[end])
end

function documentation(topic)
    found = isempty(topic) ? nothing : resolved(strip(topic, ['.', ':']))
    (found === nothing || !isdefined(found...)) && return (found = false, text = "")
    page = Base.invokelatest(Base.Docs.doc, Base.Docs.Binding(found...))
    text = Base.invokelatest(sprint, show, MIME("text/plain"), page)
    (found = true, text = first(text, text_chars))
end

# Types of Julia itself, down to their elements: showing them calls nobody else's code.
is_plain(type::DataType) = isconcretetype(type) && parentmodule(type) in (Base, Core) &&
    all(parameter -> !(parameter isa Type) || is_plain(parameter), type.parameters)
is_plain(::Any) = false

function size_text(value)
    value isa Union{Array,BitArray} && return join(size(value), " × ")
    value isa Union{String,Dict,Set,Tuple} && return string(length(value))
    nothing
end

function variable(name)
    value = Base.invokelatest(getfield, Main, name)
    type = first(string(nameof(typeof(value))), preview_chars)
    text = is_plain(typeof(value)) ? sprint(show, value; context = (:limit => true, :displaysize => (5, 100))) : type
    described = (name = String(name), type = type, preview = first(text, preview_chars))
    size = size_text(value)
    size === nothing ? described : merge(described, (size = size,))
end

is_listed(name) = !(name in not_listed) && !startswith(String(name), '#') && isdefined(Main, name) &&
    !(Base.invokelatest(getfield, Main, name) isa Module)

function variables()
    listed = filter(is_listed, Base.invokelatest(names, Main))
    (items = [variable(name) for name in first(sort(listed), items_shown)], truncated = length(listed) > items_shown)
end

# A question that fails or is interrupted is answered with nothing.
function answer(question, number)
    drain_interrupt()
    result = try
        reenable_sigint(question)
    catch
        nothing
    end
    tell("answer"; question = parse(Int, number), result = result)
end
