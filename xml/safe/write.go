package safe

// AppendText appends v as character data in the escaping of Canonical XML 1.0 §2.3, which every XML reader understands.
func AppendText[T string | []byte](b []byte, v T) []byte {
	from := 0
	for i := range len(v) {
		var e string
		switch v[i] {
		case '&':
			e = "&amp;"
		case '<':
			e = "&lt;"
		case '>':
			e = "&gt;"
		case '\r':
			e = "&#xD;"
		default:
			continue
		}
		b = append(append(b, v[from:i]...), e...)
		from = i + 1
	}
	return append(b, v[from:]...)
}

// AppendAttr appends v as attribute value in double quotes, without the quotes, in the escaping of Canonical XML 1.0 §2.3.
func AppendAttr[T string | []byte](b []byte, v T) []byte {
	from := 0
	for i := range len(v) {
		var e string
		switch v[i] {
		case '&':
			e = "&amp;"
		case '<':
			e = "&lt;"
		case '"':
			e = "&quot;"
		case '\t':
			e = "&#x9;"
		case '\n':
			e = "&#xA;"
		case '\r':
			e = "&#xD;"
		default:
			continue
		}
		b = append(append(b, v[from:i]...), e...)
		from = i + 1
	}
	return append(b, v[from:]...)
}
