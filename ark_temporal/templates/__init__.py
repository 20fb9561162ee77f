"""Go `text/template` as manifests use it: deterministic, without any I/O, and bounded.

`parse(source).render(data)` gives what Go gives with the option `missingkey=zero`, except that:

1. **Integers stay integers.** A JSON number without a fraction is an integer: 1000000 renders as `1000000`,
   where Go's JSON decoding makes it a float and renders `1e+06`. Integers and floats compare as numbers.
2. **What is missing is no value.** A missing key at any depth (also through a missing or null parent), a
   null of the data, and `nil` are one and the same: they render as nothing, are false, equal each other and
   "", have length 0, and `range` skips them. Functions that want a string, list, map or boolean take "", an
   empty one, or false instead. Inside a printed list or map, null is `<nil>` as in Go; so it is for `%T`
   and `%#v`.

Smaller differences: complex numbers, and integers past 64 bits, are syntax errors; `%p` prints no address;
`slice` takes places straight from the data, which Go refuses; nesting, source length, output and work are
limited (`Limits`).

Strings are bytes, as in Go: `len`, `index` and `slice` count UTF-8 bytes, and what is cut inside a
character renders as U+FFFD for each stray byte.

Functions. Go's: and, call, eq, ge, gt, html, index, js, le, len, lt, ne, not, or, print, printf, println,
slice, urlquery. With Sprig's order of arguments and meaning: add, add1, ceil, coalesce, contains, default,
dict, div, empty, fail, first, float64, floor, fromJson, get, hasKey, hasPrefix, hasSuffix, indent, initial,
int, int64, join, keys, last, list, lower, max, min, mod, mul, nindent, quote, repeat, replace, rest,
reverse, round, sortAlpha, split, splitList, squote, sub, ternary, title, toJson, toPrettyJson, toRawJson,
toString, trim, trimAll, trimPrefix, trimSuffix, trunc, upper, values. Unlike Sprig's, `keys` and `values`
are sorted by key, and arithmetic that leaves 64 bits is an error. Sprig's clock, environment, randomness
and network are not here.

`value_of(source, data)` gives the value itself, as JSON has it, of a template that is exactly one action; of
any other it gives `NOT_A_VALUE`.

A string from a model or an outsider is `Untrusted`; whatever text is made from one is untrusted too, and
`Template.render` can wrap it where it is written.
"""

from ark_temporal.templates.errors import TemplateError, TemplateExecutionError, TemplateSyntaxError
from ark_temporal.templates.limits import Limits
from ark_temporal.templates.references import Reference
from ark_temporal.templates.template import NOT_A_VALUE, NotAValue, Template, parse, value_of
from ark_temporal.templates.values import Untrusted

__all__ = [
    "NOT_A_VALUE",
    "Limits",
    "NotAValue",
    "Reference",
    "Template",
    "TemplateError",
    "TemplateExecutionError",
    "TemplateSyntaxError",
    "Untrusted",
    "parse",
    "value_of",
]
