package mime

import (
	"bufio"
	"bytes"
	"io"
	stdmime "mime"
	"strings"

	"github.com/ravn-ap/ravn/internal/b64"
)

// Reader splits a multipart/related body into its parts. It reads ahead no more than its buffer.
type Reader struct {
	RefuseBase64 bool // payload parts in base64 are refused, too (SEC-025)

	br        *bufio.Reader
	delim     []byte // CRLF "--" boundary
	ct        ContentType
	part      *Part
	count     int
	ids       map[string]bool // content ids seen, in lower case
	done      bool
	headerErr *Error
}

// Part is one part; it yields the content octets: those of the body as they stand there, or, of a payload part in
// base64, what they decode to (AS4-022, AS4-023, SEC-025).
type Part struct {
	Base64      bool   // it came in base64
	ContentID   string // without angle brackets; "" only for a root part without one
	ContentType string // as written; not covered by the signature (SEC-026)
	r           *Reader
	end         bool
	decoder     *b64.Decoder // nil: nothing to decode
	text, room  []byte       // for a piece of the text, and what it decodes to
	octets      []byte       // decoded, not read yet: the rest of room
}

// pieceSize is how much text is decoded at once.
const pieceSize = 4 << 10

// bufferSize must hold a delimiter and a header block.
const bufferSize = 16 << 10

// NewReader returns a Reader for the body of a message with this content type.
func NewReader(r io.Reader, ct ContentType) *Reader {
	return &Reader{
		br: bufio.NewReaderSize(r, bufferSize), delim: []byte("\r\n--" + ct.Boundary), ct: ct,
		ids: map[string]bool{},
	}
}

// HeaderError returns the first error in a part's header that leaves the framing intact, or nil. An authenticated
// sender is told of it as EBMS:0007.
func (r *Reader) HeaderError() *Error { return r.headerErr }

func (r *Reader) blame(e *Error) {
	if r.headerErr == nil {
		r.headerErr = e
	}
}

// Next skips what is left of the current part and returns the next one, or io.EOF after the closing delimiter. The
// first part is the SOAP part (SEC-023).
func (r *Reader) Next() (*Part, error) {
	if r.done {
		return nil, io.EOF
	}
	if r.part == nil {
		if err := r.preamble(); err != nil {
			return nil, err
		}
	} else if _, err := io.Copy(io.Discard, rawPart{r.part}); err != nil {
		return nil, err
	}
	last, err := r.delimiterEnd()
	if err != nil {
		return nil, err
	}
	if last {
		r.done = true
		if r.count == 0 {
			return nil, framing("SEC-021", "a multipart message without parts")
		}
		return nil, r.epilogue()
	}
	if r.count++; r.count > MaxParts {
		r.blame(inPart("SEC-022", "too many parts"))
		r.done = true // the message is refused whatever follows
		return nil, io.EOF
	}
	r.part = &Part{r: r}
	return r.part, r.header(r.part)
}

// preamble skips to the first delimiter; an empty line before it is common (AS4-022).
func (r *Reader) preamble() error {
	head, err := r.br.Peek(maxOutside + len(r.delim))
	if err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(head, r.delim[2:]) {
		_, err := r.br.Discard(len(r.delim) - 2)
		return err
	}
	i := bytes.Index(head, r.delim)
	if i < 0 {
		return framing("SEC-021", "the first delimiter is missing")
	}
	_, err = r.br.Discard(i + len(r.delim))
	return err
}

// delimiterEnd reads what follows the boundary: CRLF, or "--" for the last one.
func (r *Reader) delimiterEnd() (last bool, err error) {
	two, err := r.br.Peek(2)
	if err != nil {
		return false, truncated(err)
	}
	end := string(two)
	if end != "\r\n" && end != "--" {
		return false, framing("SEC-021", "a delimiter is followed by something else than CRLF")
	}
	_, err = r.br.Discard(2)
	return end == "--", err
}

// epilogue tolerates a little text after the closing delimiter (SEC-021).
func (r *Reader) epilogue() error {
	n, err := io.Copy(io.Discard, io.LimitReader(r.br, maxOutside+1))
	if err != nil {
		return err
	}
	if n > maxOutside {
		return framing("SEC-021", "too much text after the closing delimiter")
	}
	return io.EOF
}

func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// header reads the header block of a part.
func (r *Reader) header(p *Part) error {
	fields := map[string]string{}
	last := ""
	for size := 0; ; {
		line, err := r.br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return framing("SEC-022", "a part header is too long")
		}
		if err != nil {
			return truncated(err)
		}
		if size += len(line); size > maxHeaderBytes {
			return framing("SEC-022", "a part header is too long")
		}
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return framing("SEC-021", "a header line does not end with CRLF")
		}
		text := string(line[:len(line)-2])
		if text == "" {
			return r.accept(p, fields)
		}
		if strings.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) >= 0 {
			return framing("SEC-022", "a control character in a part header")
		}
		if text[0] == ' ' || text[0] == '\t' {
			if last != "content-type" {
				return framing("SEC-022", "a folded header line")
			}
			fields[last] += " " + strings.TrimSpace(text)
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		last = strings.ToLower(name)
		if !ok || !token(name) {
			return framing("SEC-022", "a malformed part header")
		}
		if _, twice := fields[last]; twice {
			r.blame(inPart("SEC-024", "a part header stands twice"))
		}
		if fields[last] = strings.TrimSpace(value); len(fields) > maxHeaders {
			return framing("SEC-022", "too many part headers")
		}
	}
}

// accept checks the header fields that matter and stores them in the part.
func (r *Reader) accept(p *Part, fields map[string]string) error {
	r.encoding(p, strings.ToLower(fields["content-transfer-encoding"]))
	p.ContentType = fields["content-type"]
	cid, has := fields["content-id"]
	ok := true
	if has {
		p.ContentID, ok = unbracket(cid)
	}
	root := r.count == 1
	if root {
		return r.checkRoot(p, !has || ok)
	}
	if isSOAP(p.ContentType) {
		return framing("SEC-023", "a second SOAP part")
	}
	if !has || !ok {
		r.blame(inPart("SEC-024", "a part without a content id in angle brackets"))
	}
	return r.unique(p.ContentID)
}

// encoding prepares for a part's transfer encoding: base64 for payload parts, because some products send it; the digest
// is over what it decodes to (design.md §3). The SOAP part is never encoded (SEC-025).
func (r *Reader) encoding(p *Part, enc string) {
	switch {
	case enc == "" || enc == "binary" || enc == "8bit" || enc == "7bit":
	case enc == "base64" && r.count > 1 && !r.RefuseBase64:
		p.Base64, p.decoder, p.text = true, &b64.Decoder{White: b64.LineBreaks}, make([]byte, pieceSize)
	default:
		r.blame(inPart("SEC-025", "a transfer encoding that is not allowed for this part"))
	}
}

// checkRoot checks the SOAP part; the start parameter, if there is one, must name it (SEC-023, AS4-014).
func (r *Reader) checkRoot(p *Part, ok bool) error {
	if media, _, err := stdmime.ParseMediaType(p.ContentType); r.ct.Untyped && err == nil && media != SOAP {
		return ErrMediaType // what the type parameter would have said
	}
	if !isSOAP(p.ContentType) {
		return framing("SEC-023", "the first part is not application/soap+xml in UTF-8")
	}
	if !ok || r.ct.Start != "" && r.ct.Start != p.ContentID {
		return framing("SEC-023", "the start parameter does not name the first part")
	}
	return r.unique(p.ContentID)
}

// unique refuses content ids that differ only in letter case (SEC-024).
func (r *Reader) unique(id string) error {
	if id == "" {
		return nil
	}
	low := strings.ToLower(id)
	if r.ids[low] {
		r.blame(inPart("SEC-024", "two parts have the same content id"))
	}
	r.ids[low] = true
	return nil
}

func isSOAP(contentType string) bool {
	media, params, err := stdmime.ParseMediaType(contentType)
	charset, has := params["charset"]
	return err == nil && media == SOAP && (!has || strings.EqualFold(charset, "utf-8"))
}

func token(s string) bool {
	for _, c := range []byte(s) {
		if !alphanumeric(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// Read yields the octets of the part; the CRLF before the next delimiter is not among them (AS4-022). What is not
// base64 although it should be ends early, and HeaderError tells of it.
func (p *Part) Read(b []byte) (int, error) {
	if p.decoder == nil {
		return p.raw(b)
	}
	for len(p.octets) == 0 && len(b) > 0 {
		n, err := p.raw(p.text)
		if err == io.EOF && p.decoder.Close() != nil {
			p.r.blame(notBase64())
		}
		if err != nil {
			return 0, err
		}
		if p.room, err = p.decoder.Append(p.room[:0], p.text[:n]); err != nil {
			p.r.blame(notBase64())
			return 0, io.EOF
		}
		p.octets = p.room
	}
	n := copy(b, p.octets)
	p.octets = p.octets[n:]
	return n, nil
}

func notBase64() *Error { return inPart("SEC-025", "the base64 of a part is malformed") }

// rawPart reads the rest of a part undecoded, to skip it.
type rawPart struct{ *Part }

func (p rawPart) Read(b []byte) (int, error) { return p.raw(b) }

// raw yields the octets as they stand in the body.
func (p *Part) raw(b []byte) (int, error) {
	r := p.r
	if p.end {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	if _, err := r.br.Peek(len(r.delim)); err != nil {
		return 0, truncated(err)
	}
	window, _ := r.br.Peek(r.br.Buffered())
	n := bytes.Index(window, r.delim)
	switch {
	case n == 0:
		p.end = true
		_, err := r.br.Discard(len(r.delim))
		if err == nil {
			err = io.EOF
		}
		return 0, err
	case n < 0:
		n = len(window) - len(r.delim) + 1 // the rest may be the start of a delimiter
	}
	n = copy(b, window[:n])
	_, err := r.br.Discard(n)
	return n, err
}
