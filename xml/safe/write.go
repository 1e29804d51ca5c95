package safe

// How bytes are written that do not stand for themselves: by the byte, "" where it does. Those behind the end, with
// all letters, do.
var (
	textEscapes = []string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#xD;"}
	attrEscapes = []string{
		'&': "&amp;", '<': "&lt;", '"': "&quot;", '\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;",
	}
)

// AppendText appends v as character data in the escaping of Canonical XML 1.0 §2.3, which every XML reader understands.
func AppendText[T string | []byte](b []byte, v T) []byte { return appendEscaped(b, v, textEscapes) }

// AppendAttr appends v as the value of an attribute in double quotes, the quotes not included, in the escaping of
// Canonical XML 1.0 §2.3.
func AppendAttr[T string | []byte](b []byte, v T) []byte { return appendEscaped(b, v, attrEscapes) }

// appendEscaped copies the stretches between two bytes that must be escaped in one piece each.
func appendEscaped[T string | []byte](b []byte, v T, escapes []string) []byte {
	from := 0
	for i := range len(v) {
		if c := int(v[i]); c < len(escapes) && escapes[c] != "" {
			b = append(append(b, v[from:i]...), escapes[c]...)
			from = i + 1
		}
	}
	return append(b, v[from:]...)
}
