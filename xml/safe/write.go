package safe

// escapes says how bytes are written that do not stand for themselves; "" where a byte does.
type escapes [256]string

var (
	textEscapes = escapes{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#xD;"}
	attrEscapes = escapes{
		'&': "&amp;", '<': "&lt;", '"': "&quot;", '\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;",
	}
)

// AppendText appends v as character data in the escaping of Canonical XML 1.0 §2.3, which every XML reader understands.
func AppendText[T string | []byte](b []byte, v T) []byte { return appendEscaped(b, v, &textEscapes) }

// AppendAttr appends v as the value of an attribute in double quotes, the quotes not included, in the escaping of
// Canonical XML 1.0 §2.3.
func AppendAttr[T string | []byte](b []byte, v T) []byte { return appendEscaped(b, v, &attrEscapes) }

// appendEscaped copies the stretches between two bytes that must be escaped in one piece each.
func appendEscaped[T string | []byte](b []byte, v T, e *escapes) []byte {
	from := 0
	for i := range len(v) {
		if s := e[v[i]]; s != "" {
			b = append(append(b, v[from:i]...), s...)
			from = i + 1
		}
	}
	return append(b, v[from:]...)
}
